"""What answers to callbacks are made of: cards, and the small notices that come up over them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Literal, get_args

import attrs

from ....wire.jsontext import encodable

ToastType = Literal["info", "success", "warning", "error"]

NOTHING_CHANGES: Final = "{}"
"""The empty answer: it is always right."""


@attrs.frozen
class Toast:
    """A few words that come up for whoever pressed, and go again."""

    content: str = attrs.field(validator=attrs.validators.instance_of(str))
    type: ToastType = attrs.field(default="info", validator=attrs.validators.in_(get_args(ToastType)))
    """How it looks: ``info``, ``success``, ``warning`` or ``error``."""
    i18n: Mapping[str, str] = attrs.field(factory=dict)
    """The same words by language (``zh_cn``, ``en_us``): Feishu shows each person theirs."""

    def dump(self) -> dict[str, Any]:
        toast: dict[str, Any] = {"type": self.type, "content": self.content}
        return {**toast, "i18n": dict(self.i18n)} if self.i18n else toast


@attrs.frozen
class CardTemplate:
    """A card that was made in Feishu's card builder, with its variables filled in."""

    template_id: str
    variables: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    version: str = ""
    """The version to be shown; without one the newest that is published."""

    def dump(self) -> dict[str, Any]:
        data = {"template_id": self.template_id, "template_variable": dict(self.variables)}
        return {**data, "template_version_name": self.version} if self.version else data


Card = Mapping[str, Any] | CardTemplate
"""A whole card: its JSON, or a template."""


def card_part(card: Card) -> dict[str, Any]:
    """A card, as answers hold one.

    Raises:
      TypeError: it is no card: people would be told that something went wrong.
    """
    match card:
        case CardTemplate():
            return {"type": "template", "data": card.dump()}
        case Mapping() if card:
            return {"type": "raw", "data": dict(card)}
    raise TypeError(f"a card is a dict that is not empty, or a CardTemplate, not {type(card).__name__}")


def reply_text(parts: Mapping[str, Any]) -> str:
    """An answer as JSON text, which can always be sent.

    Raises:
      TypeError, ValueError: it holds what is not JSON.
    """
    return encodable(json.dumps(parts, ensure_ascii=False, allow_nan=False, separators=(",", ":")))

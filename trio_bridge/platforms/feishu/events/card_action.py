"""A press on a card, and what it changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import attrs

from ....wire.jsontext import word
from .card_parts import Card, Toast, card_part, reply_text
from .person import Person, read_person
from .shapes import as_object


@attrs.frozen(kw_only=True)
class CardAction:
    """Somebody pressed, chose or filled in something on a card.

    Anybody who sees a card can do so: ``operator`` says who it was, and ``owner`` whose card it is.
    """

    operator: Person
    """Who did it."""
    owner: str | None = None
    """The open id of whoever asked what the card answers; ``None`` where the card is not one of this account's."""
    message_id: str = ""
    """The message that shows the card (``om_…``)."""
    chat_id: str = ""
    """The conversation in which it is shown (``oc_…``)."""
    tag: str = ""
    """What kind of thing it was: ``button``, ``select_static``, ``input``, ``checker`` …"""
    name: str = ""
    """What the card calls it."""
    value: Mapping[str, Any] | str | None = attrs.field(default=None, repr=False)
    """What the card gives along; ``None`` where it gives nothing."""
    form_value: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    """What was filled in of a form, by the names of its fields, when it was submitted."""
    option: str = ""
    """What was chosen; also a day or a time."""
    options: tuple[str, ...] = ()
    """What was chosen where several may be."""
    checked: bool | None = None
    """Whether a box is ticked now."""
    input_value: str | None = attrs.field(default=None, repr=False)
    """What was written into a field that is in no form."""
    timezone: str = ""
    """The time zone that days and times are in."""
    host: str = ""
    """Where the card is shown: ``im_message``, or ``im_top_notice``."""
    url: str = attrs.field(default="", repr=False)
    """The link that the card is the preview of, if it is one."""
    token: str = attrs.field(default="", repr=False)
    """What the card can be changed by later: twice, within 30 minutes, and only once the press is answered. A handler
    that needs long answers with a toast, has the rest done elsewhere, and calls the API with this."""
    tenant_key: str = ""
    """The company."""
    event_id: str = ""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    """The platform's own data, whole."""

    @property
    def params(self) -> Mapping[str, Any]:
        """``value`` where it is an object, and an empty one where it is none: ``action.params.get("cmd")``."""
        return as_object(self.value)


def _to_toast(toast: Toast | str | None) -> Toast | None:
    return Toast(toast) if isinstance(toast, str) else toast


@attrs.frozen(kw_only=True)
class CardUpdate:
    """What a press changes: a notice for whoever pressed, and the whole card for everybody who sees it."""

    toast: Toast | None = attrs.field(
        default=None, converter=_to_toast, validator=attrs.validators.optional(attrs.validators.instance_of(Toast))
    )
    """A :class:`Toast`, or its words."""
    card: Card | None = attrs.field(default=None, repr=False)
    """In place of the card: its JSON, or a :class:`CardTemplate`. ``None`` leaves it as it is."""


CardHandler = Callable[[CardAction], Awaitable[CardUpdate | None]]
"""``async def on_card_action(action)``; ``None`` leaves the card as it is."""


def read_card_action(data: Mapping[str, Any]) -> CardAction:
    """The press in the data of a callback. Raises nothing, whatever the data."""
    header, event = as_object(data.get("header")), as_object(data.get("event"))
    action, context, operator = (as_object(event.get(part)) for part in ("action", "context", "operator"))
    value, options = action.get("value"), action.get("options")
    checked, filled = action.get("checked"), action.get("input_value")
    return CardAction(
        operator=read_person(operator),
        message_id=word(context.get("open_message_id")),
        chat_id=word(context.get("open_chat_id")),
        tag=word(action.get("tag")),
        name=word(action.get("name")),
        value=value if isinstance(value, dict | str) else None,
        form_value=as_object(action.get("form_value")),
        option=word(action.get("option")),
        options=tuple(map(word, options)) if isinstance(options, list) else (),
        checked=checked if isinstance(checked, bool) else None,
        input_value=filled if isinstance(filled, str) else None,
        timezone=word(action.get("timezone")),
        host=word(event.get("host")),
        url=word(context.get("url")),
        token=word(event.get("token")),
        tenant_key=word(header.get("tenant_key")) or word(operator.get("tenant_key")),
        event_id=word(header.get("event_id")),
        raw=data,
    )


def card_reply(update: CardUpdate | None) -> str:
    """The answer to a press.

    Raises:
      TypeError, ValueError: it is none, or holds what is not JSON.
    """
    if update is None:
        update = CardUpdate()
    if not isinstance(update, CardUpdate):
        raise TypeError(f"on_card_action returns a CardUpdate or None, not {type(update).__name__}")
    parts: dict[str, Any] = {}
    if update.toast is not None:
        parts["toast"] = update.toast.dump()
    if update.card is not None:
        parts["card"] = card_part(update.card)
    return reply_text(parts)

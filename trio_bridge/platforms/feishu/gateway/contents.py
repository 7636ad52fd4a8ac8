"""What messages hold: whether it is as it should be, and the words in it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from .model import Refused

CONTENT_INVALID: Final = 230001
TOO_LONG: Final = 230025
CARD_INVALID: Final = 230099

KILOBYTE: Final = 1024
MOST_BYTES: Final[Mapping[str, int]] = {"text": 150 * KILOBYTE, "post": 30 * KILOBYTE, "interactive": 30 * KILOBYTE}
MOST_TABLES: Final = 5

KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "text": ("text",),
    "image": ("image_key",),
    "file": ("file_key",),
    "audio": ("file_key",),
    "media": ("file_key",),
    "sticker": ("file_key",),
    "share_chat": ("chat_id",),
    "share_user": ("user_id",),
}
"""By type of message: what its content must have, as texts that are not empty."""

_TEXTS: Final = frozenset({"markdown", "lark_md", "plain_text"})
"""Tags of a card with words in their ``content``."""
_SILENT: Final = frozenset({"button", "header", "config", "card_link", "behaviors", "value"})
"""Tags and fields of a card whose words are no part of its text."""
_TABLE_RULE: Final = re.compile(r"(?m)^\s*\|?(?:\s*:?-+:?\s*\|)+\s*(?::?-+:?)?\s*$")
"""The line under the head of a table in Markdown."""


def read_content(msg_type: object, content: object) -> Mapping[str, Any]:
    """The content of a message that is as it should be.

    Raises:
      Refused: it is not.
    """
    if not isinstance(msg_type, str) or msg_type not in {*KEYS, "post", "interactive"}:
        raise _invalid("msg_type")
    if not isinstance(content, str):
        raise _invalid("message content")
    if len(content.encode()) > MOST_BYTES.get(msg_type, MOST_BYTES["text"]):
        raise Refused(TOO_LONG, "The length of the message content reaches its limit.")
    value = _object_in(content)
    if value is None:
        if msg_type == "interactive":
            raise card_refused(200621, "parse card json err, please check whether the card json is correct")
        raise _invalid("message content")
    if any(not isinstance(value.get(key), str) or not value[key] for key in KEYS.get(msg_type, ())):
        raise _invalid("message content")
    if msg_type == "post" and not any(_is_post(each) for each in value.values()):
        raise _invalid("message content")
    if msg_type == "interactive":
        check_card(value)
    return value


def check_card(card: Mapping[str, Any]) -> None:
    """See that a card can be shown: it has something to show, and not too many tables."""
    if not card or tables_in(card) > MOST_TABLES:
        raise card_refused(11310, "card table number over limit")


def card_refused(code: int, why: str) -> Refused:
    """A card can't be shown: the number that says why stands in the message."""
    return Refused(CARD_INVALID, f"Failed to create card content, ext=ErrCode: {code}; ErrMsg: {why}; ErrorValue: ; ")


def text_of(msg_type: str, content: Mapping[str, Any]) -> str:
    """The words that a reader of the message sees; of what has none, its type and key."""
    if msg_type == "text":
        return str(content["text"])
    if msg_type == "post":
        return _text_of_post(next(each for each in content.values() if _is_post(each)))
    if msg_type == "interactive":
        return text_of_card(content)
    return f"[{msg_type} {content[KEYS[msg_type][0]]}]"


def text_of_card(card: Mapping[str, Any]) -> str:
    """The words on a card, without its head and its buttons, a line for each piece."""
    return "\n".join(_words_on(card))


def keys_in(value: object) -> Iterator[str]:
    """The keys of pictures and files that something shows."""
    if isinstance(value, list):
        for each in value:
            yield from keys_in(each)
    elif isinstance(value, Mapping):
        for name, each in value.items():
            if name in ("image_key", "file_key") and isinstance(each, str):
                yield each
            else:
                yield from keys_in(each)


def element_of(card: object, element_id: str) -> dict[str, Any] | None:
    """The part of a card with this id."""
    if isinstance(card, dict) and card.get("element_id") == element_id:
        return card
    parts = card.values() if isinstance(card, dict) else card if isinstance(card, list) else ()
    found = (element_of(part, element_id) for part in parts)
    return next((each for each in found if each is not None), None)


def ids_in(card: object) -> Iterator[str]:
    """The ids of the parts of a card."""
    if isinstance(card, dict) and isinstance(card.get("element_id"), str):
        yield card["element_id"]
    for part in card.values() if isinstance(card, dict) else card if isinstance(card, list) else ():
        yield from ids_in(part)


def tables_in(card: object) -> int:
    """How many tables a card has, those in its texts among them."""
    if isinstance(card, str):
        return len(_TABLE_RULE.findall(card))
    if isinstance(card, Mapping):
        return (card.get("tag") == "table") + sum(map(tables_in, card.values()))
    return sum(map(tables_in, card)) if isinstance(card, list) else 0


def _words_on(card: object) -> Iterator[str]:
    if isinstance(card, list):
        for each in card:
            yield from _words_on(each)
    elif isinstance(card, Mapping) and card.get("tag") not in _SILENT:
        if card.get("tag") in _TEXTS and isinstance(card.get("content"), str):
            yield card["content"]
        for name, each in card.items():
            if name not in _SILENT:
                yield from _words_on(each)


def _text_of_post(post: Mapping[str, Any]) -> str:
    lines = ["".join(map(_text_of_piece, line)) for line in post["content"]]
    return "\n".join([post["title"], *lines] if post.get("title") else lines)


def _text_of_piece(piece: Mapping[str, Any]) -> str:
    tag = piece.get("tag")
    if tag == "at":
        return f"@{piece.get('user_id', '')}"
    if tag in ("img", "media"):
        return f"[{tag} {piece.get('image_key') or piece.get('file_key')}]"
    return str(piece.get("text", ""))


def _is_post(value: object) -> bool:
    """Whether this is what stands under the name of a language: lines of pieces."""
    lines = value.get("content") if isinstance(value, Mapping) else None
    return isinstance(lines, list) and all(
        isinstance(line, list) and all(isinstance(piece, Mapping) for piece in line) for line in lines
    )


def _object_in(text: str) -> Mapping[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _invalid(what: str) -> Refused:
    return Refused(CONTENT_INVALID, f"Your request contains an invalid request parameter, ext=invalid {what}.")

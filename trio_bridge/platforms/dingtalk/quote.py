"""Quoted messages: what a reply answers, and what that answered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ...messages import Attachment, Quote
from ...wire.jsontext import parse, word
from .content import as_object, read_content

LEVELS: Final = 3
"""How far back quotes of quotes are followed."""


def is_reply(*holders: Mapping[str, Any]) -> bool:
    return any(holder.get("isReplyMsg") or isinstance(holder.get("repliedMsg"), dict) for holder in holders)


def read_quote(text: Mapping[str, Any], body: Mapping[str, Any]) -> Quote | None:
    """The message that one of the two says it answers, with what it quotes itself; ``None`` if it is not there.

    Of a card that a robot sent there is often nothing but the id.
    """
    if not (text.get("repliedMsg") or body.get("repliedMsg")):
        return None  # nearly always
    chain = list(_chain((text, body)))
    if not chain:
        return None
    texts: list[str] = []
    media: list[Attachment] = []
    for quoted in chain:
        content = read_content(_kind(quoted) or "text", _body(quoted), {})
        if content.text.strip():
            texts.append(content.text.strip())
        media += content.media
    return Quote(
        id=word(chain[0].get("msgId")) or None, text="\n".join(texts), attachments=tuple(media), kind=_kind(chain[0])
    )


def _chain(holders: tuple[Mapping[str, Any], ...]) -> Iterator[Mapping[str, Any]]:
    for _ in range(LEVELS):
        quoted = next((as_object(holder["repliedMsg"]) for holder in holders if holder.get("repliedMsg")), {})
        if not quoted:
            return
        yield quoted
        holders = (_body(quoted), quoted)


def _kind(quoted: Mapping[str, Any]) -> str:
    return word(quoted.get("msgType")) or word(quoted.get("msgtype"))


def _body(quoted: Mapping[str, Any]) -> Mapping[str, Any]:
    """The content of a quoted message: an object, the same as JSON text, or nothing but the words."""
    content = quoted.get("content")
    if isinstance(content, str):
        try:
            opened = parse(content)
        except ValueError:
            return {"text": content}
        return opened if isinstance(opened, dict) else {"text": content}
    return as_object(content)

"""Messages of schema 1.0: everything at the top, and mentions as tags in the text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ....wire.jsontext import word
from .content import Content, read_content
from .mentions import BOT, NAME, Mentions, without_bot

_AT = re.compile(r'<at\s+(?:open_id|user_id)="([^"]*)"\s*>([^<]*)</at>')

CHAT_TYPES: Final[Mapping[str, str]] = {"private": "p2p"}

FIELDS: Final[Mapping[str, str]] = {
    "message_id": "open_message_id",
    "root_id": "root_id",
    "parent_id": "parent_id",
    "chat_id": "open_chat_id",
    "message_type": "msg_type",
}


def as_newer(event: Mapping[str, Any]) -> dict[str, Any]:
    """The ids and kinds of a 1.0 message, under the names of 2.0."""
    message = {name: event[older] for name, older in FIELDS.items() if older in event}
    kind = word(event.get("chat_type"))
    return {**message, "chat_type": CHAT_TYPES.get(kind, kind)}


def sender_ids(event: Mapping[str, Any]) -> dict[str, Any]:
    """Who said it, under the names of 2.0."""
    return {"open_id": event.get("open_id"), "union_id": event.get("union_id"), "user_id": event.get("employee_id")}


def read_older(kind: str, event: Mapping[str, Any], mentions: Mentions, message_id: str) -> Content:
    """The content of a 1.0 message. That the bot is mentioned it says itself."""
    mentions.bot = event.get("is_mention") is True
    if kind not in ("text", "post"):
        return read_content(kind, event, mentions, message_id)

    def named(tag: re.Match[str]) -> str:
        return BOT if mentions.is_bot(tag[1]) else f"@{tag[2].strip().lstrip('@')[:NAME]}"

    # Who the bot is may not be known yet; Feishu has left its tag out here.
    text = word(event.get("text") if mentions.bot_open_id else event.get("text_without_at_bot", event.get("text")))
    title = word(event.get("title"))
    return Content(without_bot(f"{title}\n{_AT.sub(named, text)}" if title else _AT.sub(named, text)))

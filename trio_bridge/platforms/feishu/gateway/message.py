"""One message as the server knows it, of a person or a bot, and how the platform tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from .directory import Chat
from .letters import Letter, as_object, encode

TENANT: Final = "2ca1d211f64f6438"


@attrs.define(eq=False, kw_only=True)
class Message:
    """A message while it may still change."""

    id: str
    app_id: str
    """The app whose bot sent it; empty where a person did."""
    sender_id: str
    """The open id of a person, the app id of a bot."""
    chat: Chat
    msg_type: str
    content: str = attrs.field(repr=False)
    """As JSON, as it was sent or is now."""
    at: float
    updated_at: float
    root_id: str = ""
    parent_id: str = ""
    thread_id: str = ""
    edits: int = 0
    recalled: bool = False

    def told(self, time: str, updated: str) -> Mapping[str, Any]:
        """The message as answers tell of it. The words of a card are not told."""
        kind = ("app_id", "app") if self.app_id else ("open_id", "user")
        tree = {"root_id": self.root_id, "parent_id": self.parent_id, "thread_id": self.thread_id}
        return {
            "message_id": self.id,
            **{name: value for name, value in tree.items() if value},
            "msg_type": self.msg_type,
            "create_time": time,
            "update_time": updated,
            "deleted": self.recalled,
            "updated": self.updated_at > self.at,
            "chat_id": self.chat.id,
            "sender": {"id": self.sender_id, "id_type": kind[0], "sender_type": kind[1], "tenant_key": TENANT},
            "body": {"content": "" if self.recalled else self._told_content()},
        }

    def _told_content(self) -> str:
        if self.msg_type != "interactive":
            return self.content
        return encode({"title": None, "elements": [[{"tag": "text", "text": "请升级至最新版本客户端，以查看内容"}]]})


def message_in(letter: Letter, chat: Chat, at: float) -> Message:
    """The message of a person that was pushed with this letter, of either schema."""
    event = _part(as_object(letter.data), "event")
    told, sender = _part(event, "message"), _part(_part(event, "sender"), "sender_id")
    if told:
        msg_type, content = _word(told, "message_type"), _word(told, "content")
    else:
        told, sender = event, event
        msg_type, content = _word(event, "msg_type"), encode({"text": _word(event, "text")})
    return Message(
        id=letter.message_id,
        app_id="",
        sender_id=_word(sender, "open_id"),
        chat=chat,
        msg_type=msg_type,
        content=content,
        at=at,
        updated_at=at,
        root_id=_word(told, "root_id"),
        parent_id=_word(told, "parent_id"),
        thread_id=_word(told, "thread_id"),
    )


def _part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = value.get(name)
    return part if isinstance(part, Mapping) else {}


def _word(value: Mapping[str, Any], name: str) -> str:
    word = value.get(name)
    return word if isinstance(word, str) else ""

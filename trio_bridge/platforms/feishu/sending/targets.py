"""Where an answer goes, in a form that the store can keep."""

from __future__ import annotations

import json
from typing import Any, Final, Literal

import attrs

from ....errors import RequestFailed
from ..events.extract import Extracted

ReceiveIdType = Literal["chat_id", "open_id", "union_id", "user_id", "email"]

PREFIXES: Final = ("feishu:", "lark:")
KINDS: Final = ("chat:", "group:", "user:")
"""What people write before an id. Feishu's ids say themselves what they are."""

LONGEST: Final = 256


@attrs.frozen(kw_only=True)
class Target:
    """A conversation or a person, with the message that is answered, if there is one."""

    id: str
    """What receives: ``oc_`` a chat, ``ou_`` or ``on_`` a person, a mail address, else a user id of the company.
    An ``ou_`` means a person to one app only."""
    group: bool = False
    message: str = ""
    """The message that is answered."""
    thread: str = ""
    """The thread in which it stands, if it stands in one."""
    sender: str = ""
    """Whoever said it, by open id."""

    @property
    def id_type(self) -> ReceiveIdType:
        """What kind of id it is, in Feishu's words."""
        match self.id[:3]:
            case "oc_":
                return "chat_id"
            case "ou_":
                return "open_id"
            case "on_":
                return "union_id"
        return "email" if "@" in self.id else "user_id"

    def dump(self) -> str:
        """Compact JSON, without what is empty."""
        return json.dumps({key: value for key, value in attrs.asdict(self).items() if value}, separators=(",", ":"))

    @classmethod
    def load(cls, text: str) -> Target:
        return cls(**{"id": "", **json.loads(text)})


def answer_to(data: Any) -> Target:
    """Where an answer to a message goes. ``data`` is its event, as Feishu told it."""
    said = Extracted(data)
    sender = said.sender.open_id
    return Target(
        id=said.chat_id or sender,
        group=said.is_group,
        message=said.message_id,
        thread=said.thread_id,
        sender=sender,
    )


def address(conversation_id: str) -> Target:
    """What an application calls a conversation: an id, with or without ``chat:`` or ``user:`` before it.

    Raises:
      RequestFailed: nobody can be reached under it.
    """
    name = conversation_id.strip()
    for prefixes in (PREFIXES, KINDS):
        name = next((name[len(prefix) :] for prefix in prefixes if name.lower().startswith(prefix)), name)
    if not name:
        raise RequestFailed("the name of a conversation is missing", code="bad_target")
    if len(name) > LONGEST or not name.isprintable() or any(character.isspace() for character in name):
        raise RequestFailed(
            "a conversation has an id without spaces: oc_…, ou_…, on_… or an address", code="bad_target"
        )
    return Target(id=name, group=name.startswith("oc_"))

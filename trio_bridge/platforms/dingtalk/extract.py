"""Robot data becomes what a message says.

Applications may use it on ``message.raw``, for what a message has no field for: links, skills, who else was mentioned.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

import attrs

from ...messages import Attachment, Quote
from .content import Skill, as_object, read_content
from .frames import word
from .quote import is_reply, read_quote
from .who import chat_id, is_group, sender_id, staff_id

RESETS: Final = frozenset({"/new", "/reset", "/clear", "新会话", "重新开始", "清空对话"})
"""Words that ask for a new conversation, as people know them from other robots."""


@attrs.frozen(kw_only=True)
class Extracted:
    """What a robot message says, in one shape for all kinds."""

    msg_id: str | None
    msgtype: str
    chat_id: str
    is_group: bool
    title: str
    sender_id: str
    staff_id: str
    nick: str
    mentioned: bool
    """The platform says that the robot was mentioned; in direct conversations it says nothing."""
    text: str = attrs.field(repr=False)
    media: tuple[Attachment, ...] = ()
    links: tuple[str, ...] = ()
    skills: tuple[Skill, ...] = ()
    known: bool = True
    is_reply: bool = False
    quote: Quote | None = None
    """What a reply answers, if the platform told us."""
    at_dingtalk_ids: tuple[str, ...] = ()
    at_mobiles: tuple[str, ...] = ()
    hosting_user: str = ""
    """In whose name the robot answers, on the topic of hosted robots."""
    sent_at: datetime | None = None

    @property
    def sender(self) -> str:
        return self.staff_id or self.sender_id

    @property
    def command(self) -> str | None:
        """``/new`` where the text is nothing but one of the words that ask for a new conversation."""
        return "/new" if self.text.strip().lower() in RESETS else None

    @property
    def drop(self) -> Literal["empty", "unsupported"] | None:
        """Why nobody needs to see the message, if so."""
        if not self.known:
            return "unsupported"
        return None if self.text or self.media or self.links or self.quote is not None else "empty"


def extract(data: Mapping[str, Any]) -> Extracted:
    """What robot data says. Raises nothing, whatever the data."""
    kind = word(data.get("msgtype")) or "text"
    text = as_object(data.get("text"))
    body = as_object(data.get("content")) or as_object(data.get("richText"))
    content = read_content(kind, body, text)
    at = as_object(text.get("at"))
    return Extracted(
        msg_id=word(data.get("msgId")) or None,
        msgtype=kind,
        chat_id=chat_id(data),
        is_group=is_group(data),
        title=word(data.get("conversationTitle")),
        sender_id=sender_id(data),
        staff_id=staff_id(data),
        nick=word(data.get("senderNick")),
        mentioned=data.get("isInAtList") is True,
        text=content.text.strip(),
        media=content.media,
        links=content.links,
        skills=content.skills,
        known=content.known,
        is_reply=is_reply(text, body),
        quote=read_quote(text, body),
        at_dingtalk_ids=_words(at.get("atDingtalkIds")),
        at_mobiles=_words(at.get("atMobiles")),
        hosting_user=word(as_object(data.get("hostingContext")).get("userId")),
        sent_at=moment(milliseconds(data.get("createAt"))),
    )


def without_names(text: str, names: tuple[str, ...]) -> str:
    """The text without a leading ``@name``: most clients leave a blank there, some the name."""
    for name in sorted(names, key=len, reverse=True):
        head, rest = text[: len(name) + 1], text[len(name) + 1 :]
        if head.lower() == f"@{name}".lower() and (not rest or rest[0].isspace() or rest[0] in ",，:："):
            return rest.lstrip(" \t\r\n\u2005\u3000,，:：")
    return text


def milliseconds(value: Any) -> int | None:
    """A time in milliseconds since the epoch, given as a number or as digits; ``None`` for everything else."""
    said = word(value)
    if not said.isascii() or not said.isdigit() or len(said) > 15:
        return None
    return int(said)


def moment(ms: int | None) -> datetime | None:
    """The same as a date, as far as a date can say it."""
    return datetime.fromtimestamp(ms / 1000, UTC) if ms is not None and ms < 253_402_300_800_000 else None


def _words(values: Any) -> tuple[str, ...]:
    return tuple(word(value) for value in values) if isinstance(values, list) else ()

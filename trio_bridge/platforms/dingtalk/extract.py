"""Robot data becomes what a message says.

Applications may use it on ``message.raw``, for what a message has no field for: links, skills, who else was mentioned.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from ...bots.settings.conversations import RESETS
from ...messages import Attachment, Quote
from ...wire.jsontext import word
from .content import Skill, as_object, read_content
from .quote import is_reply, read_quote
from .who import chat_id, host_id, is_group, sender_id, staff_id


class Extracted:
    """What a robot message says, in one shape for all kinds. Raises nothing, whatever the data.

    ``Extracted(message.raw)`` has what a :class:`~trio_bridge.Message` has no field for. The content and who said it
    are read at once, everything else when it is asked for. ``bot_names`` are what a text may begin with.
    """

    __slots__ = ("_body", "_content", "_data", "_text", "is_group", "sender_id", "staff_id", "text")

    text: str
    is_group: bool
    sender_id: str
    staff_id: str

    def __init__(self, data: Mapping[str, Any], bot_names: tuple[str, ...] = ()) -> None:
        self._data = data
        self.is_group = is_group(data)
        self.staff_id = staff_id(data)
        self.sender_id = sender_id(data)
        self._text = as_object(data.get("text"))
        self._body = as_object(data.get("content")) or as_object(data.get("richText"))
        self._content = read_content(self.msgtype, self._body, self._text)
        self.text = self._content.text.strip()
        if bot_names:
            self.text = without_names(self.text, bot_names)

    @property
    def msg_id(self) -> str | None:
        return word(self._data.get("msgId")) or None

    @property
    def msgtype(self) -> str:
        return word(self._data.get("msgtype")) or "text"

    @property
    def chat_id(self) -> str:
        return chat_id(self._data)

    @property
    def title(self) -> str:
        return word(self._data.get("conversationTitle"))

    @property
    def sender(self) -> str:
        return self.staff_id or self.sender_id

    @property
    def also_known_as(self) -> tuple[str, ...]:
        """The sender's id outside the company, where :attr:`sender` is the one inside."""
        return (self.sender_id,) if self.staff_id and self.sender_id else ()

    @property
    def nick(self) -> str:
        return word(self._data.get("senderNick"))

    @property
    def mentioned(self) -> bool:
        """The platform says that the robot was mentioned; in direct conversations it says nothing."""
        return self._data.get("isInAtList") is True

    @property
    def media(self) -> tuple[Attachment, ...]:
        return self._content.media

    @property
    def is_pictures(self) -> bool:
        """Whether it is pictures, and nothing else."""
        return bool(self.media) and not (self.text or self.links) and all(each.kind == "image" for each in self.media)

    @property
    def links(self) -> tuple[str, ...]:
        """Where a card that somebody sent leads to, or its buttons."""
        return self._content.links

    @property
    def skills(self) -> tuple[Skill, ...]:
        """What the sender chose of the skills of an AI assistant."""
        return self._content.skills

    @property
    def known(self) -> bool:
        """Whether it is of a kind that can be read."""
        return self._content.known

    @property
    def is_reply(self) -> bool:
        return is_reply(self._text, self._body)

    @property
    def quote(self) -> Quote | None:
        """What a reply answers, if the platform told us."""
        return read_quote(self._text, self._body)

    @property
    def at_dingtalk_ids(self) -> tuple[str, ...]:
        """Who else was mentioned, other robots for example, as far as the platform tells."""
        return _words(self._at.get("atDingtalkIds"))

    @property
    def at_mobiles(self) -> tuple[str, ...]:
        """The same for those who were mentioned by their telephone numbers."""
        return _words(self._at.get("atMobiles"))

    @property
    def hosting_user(self) -> str:
        """In whose name the robot answers, on the topic of hosted robots."""
        return host_id(self._data)

    @property
    def sent_at(self) -> datetime | None:
        return moment(milliseconds(self._data.get("createAt")))

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

    @property
    def _at(self) -> Mapping[str, Any]:
        return as_object(self._text.get("at"))


def without_names(text: str, names: tuple[str, ...]) -> str:
    """The text without a leading ``@name``: most clients leave a blank there, some the name."""
    for name in sorted(names, key=len, reverse=True):
        head, rest = text[: len(name) + 1], text[len(name) + 1 :]
        if head.lower() == f"@{name}".lower() and (not rest or rest[0].isspace() or rest[0] in ",，:："):
            return rest.lstrip(" \t\r\n\u2005\u3000,，:：")
    return text


def milliseconds(value: Any) -> int | None:
    """A time in milliseconds since the epoch, given as a number or as digits; ``None`` for everything else."""
    if type(value) is int and 0 <= value < 10**15:
        return value  # nearly always
    said = word(value)
    if not said.isascii() or not said.isdigit() or len(said) > 15:
        return None
    return int(said)


def moment(ms: int | None) -> datetime | None:
    """The same as a date, as far as a date can say it."""
    return datetime.fromtimestamp(ms / 1000, UTC) if ms is not None and ms < 253_402_300_800_000 else None


def _words(values: Any) -> tuple[str, ...]:
    return tuple(word(value) for value in values) if isinstance(values, list) else ()

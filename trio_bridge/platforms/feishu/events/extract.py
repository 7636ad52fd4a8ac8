"""The data of an event becomes what a message says.

Applications may use it on ``message.raw``, for what a message has no field for: who else was mentioned, threads.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ....messages import Attachment
from ....wire.jsontext import word
from .content import Content, read_content
from .mentions import Mention, Mentions
from .moments import moment
from .older import as_newer, read_older, sender_ids
from .person import Person, read_person
from .shapes import as_object


class Extracted:
    """What a message says, in one shape for all kinds and both schemas. Raises nothing, whatever the data.

    ``Extracted(message.raw)`` has what a :class:`~trio_bridge.Message` has no field for. Everything is read when it is
    asked for. Without ``bot_open_id`` no mention is known to be the bot's.
    """

    __slots__ = ("_bot_open_id", "_content", "_data", "_event", "_mentions", "_message")

    def __init__(self, data: Mapping[str, Any], bot_open_id: str = "") -> None:
        self._data = as_object(data)
        self._bot_open_id = bot_open_id
        self._event = as_object(self._data.get("event"))
        self._message = as_object(self._event.get("message")) if "schema" in self._data else as_newer(self._event)
        self._mentions: Mentions | None = None
        self._content: Content | None = None

    @property
    def message_id(self) -> str:
        """``om_…``: what replies, downloads and calls of the API name."""
        return word(self._message.get("message_id"))

    @property
    def chat_id(self) -> str:
        """``oc_…``, of groups and of direct conversations."""
        return word(self._message.get("chat_id"))

    @property
    def chat_type(self) -> str:
        """``p2p``, ``group``, ``topic_group``, and what Feishu may think of later."""
        return word(self._message.get("chat_type"))

    @property
    def is_group(self) -> bool:
        return self.chat_type != "p2p"

    @property
    def thread_id(self) -> str:
        """``omt_…``, where the message stands in a thread."""
        return word(self._message.get("thread_id"))

    @property
    def root_id(self) -> str:
        """The message that begins the tree of replies, or the thread; empty where this is no reply."""
        return word(self._message.get("root_id"))

    @property
    def parent_id(self) -> str:
        """The message that this one answers; empty where it answers none."""
        return word(self._message.get("parent_id"))

    @property
    def message_type(self) -> str:
        """``text``, ``post``, ``image`` …"""
        return word(self._message.get("message_type"))

    @property
    def sender(self) -> Person:
        """Who said it."""
        if "schema" not in self._data:
            return read_person(sender_ids(self._event))
        return read_person(as_object(as_object(self._event.get("sender")).get("sender_id")))

    @property
    def sender_type(self) -> str:
        """``user``, or ``app`` and ``bot``. Schema 1.0 tells of people only."""
        return word(as_object(self._event.get("sender")).get("sender_type")) if "schema" in self._data else "user"

    @property
    def sent_at(self) -> datetime | None:
        return moment(self._message.get("create_time") if "schema" in self._data else self._data.get("ts"))

    @property
    def text(self) -> str:
        """What was said, with names in place of mentions, and without the bot's own."""
        return self._read().text

    @property
    def media(self) -> tuple[Attachment, ...]:
        return self._read().media

    @property
    def degraded(self) -> bool:
        """Whether something in it can't be understood: it is in ``raw`` only."""
        return self._read().degraded

    @property
    def mentions(self) -> tuple[Mention, ...]:
        """Who is mentioned by name, the bot included."""
        return tuple(self._named().people)

    @property
    def mentions_bot(self) -> bool:
        self._read()
        return self._named().bot

    @property
    def mentions_everybody(self) -> bool:
        self._read()
        return self._named().everybody

    def _named(self) -> Mentions:
        if self._mentions is None:
            self._mentions = Mentions(self._message.get("mentions"), self._bot_open_id)
        return self._mentions

    def _read(self) -> Content:
        if self._content is None:
            kind, mentions, message_id = self.message_type, self._named(), self.message_id
            if "schema" in self._data:
                self._content = read_content(kind, self._message.get("content"), mentions, message_id)
            else:
                self._content = read_older(kind, self._event, mentions, message_id)
        return self._content

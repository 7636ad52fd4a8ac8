"""What was said lately in the sessions that this account asked about or heard of, within bounds."""

from __future__ import annotations

import json
import sys
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

import attrs

from ..frames import Event
from ..reading import Fields
from .messages import ChatMessage

MOST_MESSAGES: Final = 200
"""Of one session: as many as a history has unless more are asked for."""


@attrs.frozen(kw_only=True)
class CacheInfo:
    """How full the cache of messages is."""

    sessions: int = 0
    messages: int = 0
    bytes: int = 0
    """Of the messages as JSON."""
    dropped: int = 0
    """Messages that had to make room, since the account was started."""


@attrs.frozen
class _Row:
    message: ChatMessage
    size: int

    @classmethod
    def of(cls, message: ChatMessage) -> _Row:
        try:
            return cls(message, len(json.dumps(message.raw, ensure_ascii=False).encode(errors="replace")))
        except RecursionError:
            return cls(message, sys.maxsize)  # nested too deeply: nothing to keep


@attrs.define
class _Known:
    """What is known of one session, in the order in which it was said."""

    session_id: str = ""
    rows: list[_Row] = attrs.Factory(list)

    def place_of(self, message: ChatMessage) -> int | None:
        """Where this very message stands.

        An answer is heard at its end before it has an id: with the id it is known by its run, or by what it says.
        """
        for place, row in enumerate(self.rows):
            if row.message.id == message.id != "":
                return place
        # What has no id yet can only be the newest; what was heard without one may be anywhere.
        begin = 0 if message.id else max(0, len(self.rows) - 1)
        for place, row in enumerate(self.rows[begin:], begin):
            if not (row.message.id and message.id) and _same(row.message, message):
                return place
        return None

    def put(self, place: int | None, row: _Row) -> int:
        """Have it there, or at the end. How much more that takes."""
        if place is None:
            self.rows.append(row)
            return row.size
        before, self.rows[place] = self.rows[place].size, row
        return row.size - before


class MessageCache:
    """The last messages of each session, by their ids: none stands here twice.

    The session that was used longest ago makes room first, and of it the oldest message.
    """

    def __init__(self, sessions: int, size: int, messages: int = MOST_MESSAGES) -> None:
        self._most_sessions, self._most_size, self._most_messages = sessions, size, messages
        self._known: OrderedDict[str, _Known] = OrderedDict()
        """By whole key, the one that was used last at the end."""
        self._size = 0
        self._dropped = 0

    def messages(self, session_key: str) -> tuple[ChatMessage, ...]:
        """What is known of a session, the oldest first."""
        known = self._known.get(session_key)
        return () if known is None else tuple(row.message for row in known.rows)

    def add(self, session_key: str, messages: Iterable[ChatMessage], *, session_id: str = "") -> list[ChatMessage]:
        """Keep messages, and return those that were not known.

        A session that has another id began anew: what was known of it is forgotten.
        """
        known = self._known.get(session_key)
        if known is not None and session_id and known.session_id not in ("", session_id):
            self.clear(session_key)
            known = None
        known = self._known.setdefault(session_key, _Known()) if known is None else known
        known.session_id = session_id or known.session_id
        self._known.move_to_end(session_key)
        new = []
        for message in messages:
            place = known.place_of(message)
            if place is None:
                new.append(message)
            # What has neither an id nor a run would stand here twice as soon as it is told again.
            if message.id or (place is None and message.run_id):
                self._put(known, place, _Row.of(message))
        known.rows.sort(key=lambda row: row.message.sent_at or 0.0)
        self._make_room(known)
        return new

    def hear(self, event: Event) -> None:
        """Keep what an event tells: a message of a session, or the end of a run. Any event may be given here."""
        fields = Fields(event.payload)
        is_final = event.name == "chat" and fields.raw.get("state") == "final"
        if not (is_final or event.name == "session.message") or not (key := fields.text("sessionKey")):
            return
        message = ChatMessage.of(fields.inner("message"))
        if is_final and message.role == "assistant":
            self.add(key, [attrs.evolve(message, run_id=fields.text("runId"))])
        elif message.id:
            self.add(key, [message], session_id=fields.text("sessionId"))

    def clear(self, session_key: str | None = None) -> None:
        """Forget a session, or everything."""
        for key in list(self._known) if session_key is None else [session_key]:
            if (known := self._known.pop(key, None)) is not None:
                self._size -= sum(row.size for row in known.rows)

    def info(self) -> CacheInfo:
        """How full it is."""
        return CacheInfo(
            sessions=len(self._known),
            messages=sum(len(known.rows) for known in self._known.values()),
            bytes=self._size,
            dropped=self._dropped,
        )

    def _make_room(self, newest: _Known) -> None:
        while len(newest.rows) > self._most_messages:
            self._drop(newest)
        while len(self._known) > self._most_sessions or self._size > self._most_size:
            key, oldest = next(iter(self._known.items()))
            while oldest.rows and (self._size > self._most_size or len(self._known) > self._most_sessions):
                self._drop(oldest)
            if not oldest.rows:
                del self._known[key]

    def _put(self, known: _Known, place: int | None, row: _Row) -> None:
        # What leaves no room for anything else is not worth it.
        if row.size <= self._most_size:
            self._size += known.put(place, row)
        else:
            self._dropped += 1

    def _drop(self, known: _Known) -> None:
        self._size -= known.rows.pop(0).size
        self._dropped += 1


def _same(one: ChatMessage, other: ChatMessage) -> bool:
    """Whether two records are of one answer, of which at least one has no id yet."""
    if one.role != other.role:
        return False
    return one.run_id == other.run_id if one.run_id and other.run_id else one.text.strip() == other.text.strip()

"""Events of the gateway for whoever wants to hear of them, above connections.

1. Nobody who hears slowly holds up anybody else. What finds no room is counted, and the next event says how many.
2. Between two connections, and where numbers are missing, events may be lost that nobody can count: that is an event
   of its own, ``gap``, for whoever asks for it by name.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import attrs
import trio

from ...errors import AccountStopped
from .frames import Event

GAP: Final = "gap"
"""The name of the event that no gateway sends: ``payload`` has a ``reason``, ``sequence`` or ``reconnected``."""

MOST_UNHEARD: Final = 32 * 2**20
"""Characters of the events that wait for one who hears slowly. A single one is never too large."""

Listener = Callable[[Event], None]
"""Is told of every event at once, between two frames: it waits for nobody, and raises nothing."""


@attrs.frozen
class GatewayEvent:
    """Something happened on the gateway."""

    name: str
    payload: dict[str, Any] = attrs.field(repr=False)
    seq: int | None = None
    """Its number on its connection; ``None`` where it was not told to all."""
    missed: int = 0
    """How many events right before this one found no room, because nobody took those that were there."""


class EventStream(AsyncIterator[GatewayEvent]):
    """Events as they come, for one who hears of them. Made by :meth:`OpenClawApi.events`."""

    def __init__(self, names: frozenset[str], size: int) -> None:
        self._names = names
        self._in, self._out = trio.open_memory_channel[tuple[GatewayEvent, int]](size)
        self._missed = 0
        self._unheard = 0
        """Characters of what waits."""

    @property
    def missed(self) -> int:
        """How many events found no room since the last one that did."""
        return self._missed

    async def __anext__(self) -> GatewayEvent:
        try:
            event, size = await self._out.receive()
        except trio.EndOfChannel:
            raise AccountStopped("the account was stopped") from None
        self._unheard -= size
        return event

    def hear(self, event: Event) -> None:
        """Take an event in, if it is one of those asked for and there is room."""
        if event.name not in self._names and (self._names or event.name == GAP):
            return
        if self._unheard and self._unheard + event.size > MOST_UNHEARD:
            self._missed += 1
            return
        try:
            self._in.send_nowait((GatewayEvent(event.name, event.payload, event.seq, self._missed), event.size))
        except trio.WouldBlock:
            self._missed += 1
        else:
            self._missed = 0
            self._unheard += event.size

    def stop(self) -> None:
        """There will be no more."""
        self._in.close()


class Events:
    """Everybody who hears of an account's events."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._listeners: list[Listener] = []
        self._streams: set[EventStream] = set()
        self._stopped = False

    @property
    def streams(self) -> int:
        """How many hear of events by streams."""
        return len(self._streams)

    def publish(self, event: Event) -> None:
        """Tell everybody."""
        for listener in tuple(self._listeners):
            listener(event)
        for stream in self._streams:
            stream.hear(event)

    def gap(self, reason: str, missed: int | None = None) -> None:
        """Tell everybody that events may have been lost; ``missed``: how many, where numbers tell."""
        self.publish(Event(GAP, {"reason": reason, "missed": missed}))

    def stop(self) -> None:
        """The account stops: every stream ends, after what is in it."""
        self._stopped = True
        for stream in self._streams:
            stream.stop()

    @contextmanager
    def listening(self, listener: Listener) -> Generator[None]:
        """Have ``listener`` called for every event while the block runs."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    @asynccontextmanager
    async def open(self, *names: str, size: int | None = None) -> AsyncGenerator[EventStream]:
        """The events of these names from now on, or every event of the gateway's where no name is given.

        Raises:
          AccountStopped: by the stream, after its last event, when the account stops.
        """
        await trio.lowlevel.checkpoint()
        stream = EventStream(frozenset(names), self._size if size is None else size)
        if self._stopped:
            stream.stop()
        self._streams.add(stream)
        try:
            yield stream
        finally:
            self._streams.discard(stream)
            stream.stop()

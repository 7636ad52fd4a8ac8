"""One client's connection to the OpenClaw simulator: a reader, a writer, and the ways in which it goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
import trio

from ..engine.bell import Bell
from ..errors import ConnectionLost, PeerClosed, RemoteProtocolError
from ..platforms.openclaw.gateway.connection import ABNORMAL, Ending, GatewayConnection
from ..platforms.openclaw.gateway.gateway import Asked, Gateway
from ..transport.server import ServerWebsocket

SLOW_CONSUMER = 1008


@attrs.frozen
class _Raw:
    """Bytes that are no message."""

    data: bytes


class SimulatedConnection:
    """A connection of one client, as the server holds it."""

    def __init__(self, gateway: Gateway, state: GatewayConnection, *, flush: Callable[[], None]) -> None:
        self._gateway = gateway
        self.state = state
        self._flush = flush
        self._queue: list[str | _Raw] = []
        self._backlog = 0
        self._bell = Bell()
        self._hearing = trio.Event()
        self._hearing.set()
        self._reading = trio.CancelScope()
        self._ending: Ending | None = None
        self.ended_with: Ending | None = None
        """How it ended, whoever ended it: code and reason."""

    @property
    def id(self) -> str:
        return self.state.id

    @property
    def live(self) -> bool:
        return self.state.live

    @property
    def ready(self) -> bool:
        """Whether hello was said."""
        return self.state.peer is not None

    @property
    def client(self) -> Mapping[str, Any]:
        """What the client says of itself; empty before hello."""
        return self.state.peer.client if self.state.peer else {}

    @property
    def scopes(self) -> tuple[str, ...]:
        """What it may do; empty before hello."""
        return self.state.peer.scopes if self.state.peer else ()

    @property
    def device_id(self) -> str | None:
        return self.state.peer.device_id if self.state.peer else None

    @property
    def method(self) -> str:
        """How it proved itself: ``token``, ``password``, ``device-token``, ``none``; empty before hello."""
        return self.state.method

    @property
    def opened_at(self) -> float:
        """By :func:`trio.current_time`."""
        return self.state.opened_at

    @property
    def asked(self) -> Sequence[Asked]:
        """The requests that came on it, in order; the first is ``connect``."""
        return tuple(each for each in self._gateway.asked if each.connection_id == self.id)

    # What can be done to it.

    def tell(self, event: str, payload: Any, *, numbered: bool = True) -> None:
        """Tell it of an event, whatever its scopes; ``numbered``: with the next ``seq``."""
        self.state.tell(event, payload, numbered=numbered)
        self.write()

    def skip(self, events: int = 1) -> None:
        """Lose the next numbers: the client sees a gap in ``seq``."""
        self.state.seq += events

    @contextmanager
    def doubling(self) -> Iterator[None]:
        """Within the block every event is told twice, under the same number."""
        self.state.double = True
        try:
            yield
        finally:
            self.state.double = False

    def push_frame(self, frame: str) -> None:
        """Send a text as it is: garbage, something huge, an answer that nobody asked for."""
        self.state.say(frame)
        self.write()

    def send_raw(self, data: bytes) -> None:
        """Send bytes that need not be a WebSocket frame, or not a good one."""
        self._queue.append(_Raw(data))
        self._bell.ring()

    def drop(self, code: int = ABNORMAL, reason: str = "") -> None:
        """End the connection now; with 1006 by a TCP reset, and without a close frame."""
        self._end(Ending(code, reason))

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Within the block nothing is read and nothing is written: its gateway is frozen. Then all of it comes."""
        self._hearing = trio.Event()
        self._reading.cancel()
        try:
            yield
        finally:
            self._hearing.set()

    # For the simulator.

    def write(self) -> None:
        """Have written what the gateway wants to say, and closed what it closes."""
        texts = self.state.take()
        self._queue += texts
        self._backlog += sum(map(len, texts))
        if self._backlog > self._gateway.settings.max_buffered:
            self._end(Ending(SLOW_CONSUMER, "slow consumer"))
        elif self._queue or self.state.ending is not None:
            self._bell.ring()

    async def run(self, websocket: ServerWebsocket) -> None:
        """Serve the client until either side ends the connection. It is closed when this returns."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, websocket)
                await self._read(websocket)
                nursery.cancel_scope.cancel("the connection ends")
        except* ConnectionLost:
            self._ended(Ending(ABNORMAL))
        finally:
            self._gateway.lost(self.state)
            self._flush()
        if self._ending is None:
            websocket.abort()
        elif self._ending.code == ABNORMAL:
            websocket.reset()
        else:
            await websocket.aclose(self._ending.code, self._ending.reason)

    def _end(self, ending: Ending) -> None:
        if self._ending is None:
            self._ending = ending
        self._reading.cancel()
        self._hearing.set()

    def _ended(self, ending: Ending) -> None:
        if self.ended_with is None:
            self.ended_with = ending

    async def _read(self, websocket: ServerWebsocket) -> None:
        """Read until there is a reason to end."""
        while self._ending is None:
            await self._hearing.wait()
            received: list[str | bytes] = []
            with trio.CancelScope() as self._reading:
                if self._ending is None:  # Whoever ends it cancels the scope of the turn before.
                    try:
                        received = await websocket.receive_batch()
                    except PeerClosed as closed:
                        self._ended(Ending(closed.code, closed.reason))
                        self._ending = Ending(ABNORMAL if closed.code == ABNORMAL else 1000)
                    except RemoteProtocolError:
                        self._ending = Ending(1002)
            if received:
                self._gateway.receive(self.state, received, trio.current_time())
                self._flush()
            if websocket.wants_flush:
                self._bell.ring()
        self._ended(self._ending)

    async def _write(self, websocket: ServerWebsocket) -> None:
        while True:
            await self._bell.wait()
            await self._hearing.wait()
            queue, self._queue = self._queue, []
            backlog = self._backlog
            for item in queue:
                if isinstance(item, _Raw):
                    await websocket.send_raw(item.data)
                else:
                    await websocket.send_batch([item])
            await websocket.send_batch()
            self._backlog -= backlog
            if self.state.ending is not None and not self._queue:
                self._end(self.state.ending)

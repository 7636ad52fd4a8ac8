"""One client's connection to the DingTalk simulator: a reader, a writer, and the ways in which it goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import attrs
import trio

from ..engine.bell import Bell
from ..errors import ConnectionLost, PeerClosed, RemoteProtocolError
from ..platforms.dingtalk.gateway.gateway import Gateway
from ..platforms.dingtalk.gateway.ledger import Pushed
from ..platforms.dingtalk.gateway.model import GatewayConnection, Ping
from ..transport.server import ServerWebsocket

How = Literal["close", "fin", "rst"]
"""With a closing handshake; with the end of the TCP stream and no word before it; with a TCP reset."""

ABNORMAL = 1006


@attrs.frozen
class Ending:
    """How the server ends a connection."""

    how: How = "fin"
    code: int = 1000
    reason: str = ""


@attrs.define
class Manners:
    """How frames are sent and closes answered, on every connection of a simulator."""

    binary: bool = False
    fragment_size: int | None = None
    close_delay: float = 0.0


@attrs.frozen
class _Fragmented:
    """One message, to be sent in pieces of this many bytes."""

    message: str | bytes
    size: int


@attrs.frozen
class _Raw:
    """Bytes that are no message."""

    data: bytes


Item = str | bytes | _Fragmented | _Raw


class SimulatedConnection:
    """A connection of one client, as the server holds it."""

    def __init__(
        self,
        gateway: Gateway,
        state: GatewayConnection,
        manners: Manners,
        *,
        flush: Callable[[], None],
        tell: Callable[[], None],
    ) -> None:
        self._gateway = gateway
        self.state = state
        self._manners = manners
        self._flush = flush
        self._tell = tell
        self._queue: list[Item] = []
        self._bell = Bell()
        self._hearing = trio.Event()
        self._hearing.set()
        self._listening = trio.CancelScope()
        self._ending: Ending | None = None
        self.closed_by_client: int | None = None
        """The code with which the client closed: 1006 without a closing handshake."""

    @property
    def id(self) -> str:
        return self.state.id

    @property
    def client_id(self) -> str:
        """The app whose credentials opened it."""
        return self.state.client_id

    @property
    def subscriptions(self) -> frozenset[tuple[str, str]]:
        """Types and topics that the client asked for."""
        return self.state.subscriptions

    @property
    def opened_at(self) -> float:
        """By :func:`trio.current_time`."""
        return self.state.opened_at

    @property
    def live(self) -> bool:
        return self.state.live

    @property
    def pings(self) -> Sequence[Ping]:
        """The health checks that were sent on it, each with the time of its answer."""
        return tuple(self.state.pings)

    @property
    def waiting(self) -> int:
        """Frames that the socket has not taken yet."""
        return len(self._queue)

    # What can be done to it.

    def ping(self, opaque: str = "5f0c-simulated") -> Ping:
        """Send a health check that the client must echo."""
        return self.ping_with('{"opaque":"' + opaque + '"}')

    def ping_with(self, data: str) -> Ping:
        """The same, with any data."""
        ping = self._gateway.ping(self.state, data, trio.current_time())
        self._flush()
        return ping

    def notify(self, topic: str, data: str = "{}") -> None:
        """Send a SYSTEM frame of another topic: ``REGISTERED``, ``KEEPALIVE``, or one that nobody knows."""
        self._gateway.notify(self.state, topic, data, trio.current_time())
        self._flush()

    def push_frame(self, frame: str) -> Pushed | None:
        """Send a frame as it is. Returns the message in it, if a client could acknowledge it."""
        pushed = self._gateway.push_frame(self.state, frame, trio.current_time())
        self._flush()
        return pushed

    def send_raw(self, data: bytes) -> None:
        """Send bytes that need not be a WebSocket frame, or not a good one."""
        self._queue.append(_Raw(data))
        self._bell.ring()

    def disconnect(self, reason: str = "persistent connection is timeout") -> None:
        """Announce that the server will leave: nothing is pushed here any more, and 10 s later it is dropped."""
        self._gateway.disconnect(self.state, reason, trio.current_time())
        self._flush()

    def drop(self, how: How = "rst", code: int = 1000, reason: str = "") -> None:
        """End the connection now."""
        self.end(Ending(how, code, reason))

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """Within the block the connection is half open: nothing is read, nothing is answered, nothing arrives.

        What the server says meanwhile is lost, and it does not notice when the client leaves.
        """
        self.state.excused = True
        self._hearing = trio.Event()
        self._listening.cancel()
        try:
            yield
        finally:
            self._hearing.set()

    # For the simulator.

    def end(self, ending: Ending) -> None:
        self._ending = ending
        self._listening.cancel()
        self._hearing.set()

    def enqueue(self, frames: Sequence[str]) -> None:
        """Have these frames written, in the shape that manners ask for."""
        if self._hearing.is_set():
            self._queue += map(self._shaped, frames)
            self._bell.ring()

    async def run(self, websocket: ServerWebsocket) -> None:
        """Serve the client until either side ends the connection. It is closed when this returns."""
        ending = Ending()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write, websocket)
                ending = await self._read(websocket)
                nursery.cancel_scope.cancel()
        except* ConnectionLost:
            self.closed_by_client = self.closed_by_client or ABNORMAL
        finally:
            self._gateway.lost(self.state)
            self._tell()
        if ending.how == "rst":
            websocket.reset()
        elif ending.how == "close":
            await websocket.aclose(ending.code, ending.reason)
        websocket.abort()

    async def _read(self, websocket: ServerWebsocket) -> Ending:
        """Read until there is a reason to end, and return how."""
        while self._ending is None and not self.state.dropped:
            await self._hearing.wait()
            frames: list[str | bytes] = []
            with trio.CancelScope() as self._listening:
                if self._ending is None:  # whoever drops us cancels the scope of the turn before
                    try:
                        frames = await websocket.receive_batch()
                    except PeerClosed as closed:
                        self.closed_by_client = closed.code
                        if closed.code == ABNORMAL:
                            return Ending("fin")
                        await trio.sleep(self._manners.close_delay)
                        return Ending("close")
                    except RemoteProtocolError as error:
                        self._gateway.broken(self.state, str(error), trio.current_time())
                        return Ending("close")
            if frames:
                self._gateway.receive(self.state, frames, trio.current_time())
                self._tell()
            if websocket.wants_flush:
                self._bell.ring()
        return self._ending or Ending()

    async def _write(self, websocket: ServerWebsocket) -> None:
        while True:
            await self._bell.wait()
            await self._hearing.wait()
            queue, self._queue = self._queue, []
            plain: list[str | bytes] = []
            for item in queue:
                if isinstance(item, str | bytes):
                    plain.append(item)
                    continue
                await websocket.send_batch(plain)  # the order is kept
                plain = []
                if isinstance(item, _Raw):
                    await websocket.send_raw(item.data)
                else:
                    await websocket.send_fragmented(item.message, item.size)
            await websocket.send_batch(plain)
            self._tell()

    def _shaped(self, frame: str) -> Item:
        message: str | bytes = frame.encode() if self._manners.binary else frame
        size = self._manners.fragment_size
        return message if size is None else _Fragmented(message, size)

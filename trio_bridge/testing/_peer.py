"""One client's connection to a simulator: a reader, a writer, and the ways in which it goes wrong."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, Literal, Protocol, TypeVar

import attrs
import trio

from ..engine.bell import Bell
from ..errors import ConnectionLost, PeerClosed, RemoteProtocolError
from ..transport.server import ServerWebsocket
from ..wire.protocol import Frame

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

    message: Frame
    size: int


@attrs.frozen
class _Raw:
    """Bytes that are no message."""

    data: bytes


Item = Frame | _Fragmented | _Raw


class State(Protocol):
    """What a gateway knows of a connection."""

    @property
    def id(self) -> str: ...

    @property
    def live(self) -> bool: ...

    @property
    def dropped(self) -> bool: ...

    @property
    def opened_at(self) -> float: ...


AnyState = TypeVar("AnyState", bound=State)


class SimulatedPeer(abc.ABC, Generic[AnyState]):
    """A connection of one client, as the server holds it."""

    def __init__(self, state: AnyState, manners: Manners, *, tell: Callable[[], None]) -> None:
        self.state = state
        self._manners = manners
        self._tell = tell
        self._queue: list[Item] = []
        self._bell = Bell()
        self._hearing = trio.Event()
        self._hearing.set()
        self._forgetful = False
        self._listening = trio.CancelScope()
        self._ending: Ending | None = None
        self.closed_by_client: int | None = None
        """The code with which the client closed: 1006 without a closing handshake."""

    @property
    def id(self) -> str:
        return self.state.id

    @property
    def opened_at(self) -> float:
        """By :func:`trio.current_time`."""
        return self.state.opened_at

    @property
    def live(self) -> bool:
        return self.state.live

    @property
    def hears(self) -> bool:
        """Whether it is live and not deaf."""
        return self.live and self._hearing.is_set()

    @property
    def waiting(self) -> int:
        """Frames that the socket has not taken yet."""
        return len(self._queue)

    # What can be done to it.

    def send_raw(self, data: bytes) -> None:
        """Send bytes that need not be a WebSocket frame, or not a good one."""
        self._queue.append(_Raw(data))
        self._bell.ring()

    def drop(self, how: How = "rst", code: int = 1000, reason: str = "") -> None:
        """End the connection now."""
        self.end(Ending(how, code, reason))

    @contextmanager
    def deaf(self) -> Iterator[None]:
        """Within the block the connection is half open: nothing is read, nothing is answered, nothing arrives.

        What the server says meanwhile is lost, and it does not notice when the client leaves.
        """
        self._forgetful = True
        try:
            with self.stalled():
                yield
        finally:
            self._forgetful = False

    @contextmanager
    def stalled(self) -> Iterator[None]:
        """Within the block nothing is read and nothing is written: the server is frozen. Then all of it comes."""
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

    @abc.abstractmethod
    def lost(self) -> None:
        """The connection is closed. Idempotent."""

    def enqueue(self, frames: Sequence[Frame]) -> None:
        """Have these frames written, in the shape that manners ask for."""
        if not self._forgetful:
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
            self.lost()
            self._tell()
        if ending.how == "rst":
            websocket.reset()
        elif ending.how == "close":
            await websocket.aclose(ending.code, ending.reason)
        websocket.abort()

    @abc.abstractmethod
    def _heed(self, frames: Sequence[Frame]) -> None:
        """The client said this."""

    @abc.abstractmethod
    def _broken(self, detail: str) -> None:
        """The client broke the WebSocket protocol."""

    async def _read(self, websocket: ServerWebsocket) -> Ending:
        """Read until there is a reason to end, and return how."""
        while self._ending is None and not self.state.dropped:
            await self._hearing.wait()
            frames: list[Frame] = []
            with trio.CancelScope() as self._listening:
                # Whoever drops us, or makes us deaf, may have cancelled the scope of the turn before.
                if self._hearing.is_set() and self._ending is None:
                    try:
                        frames = await websocket.receive_batch()
                    except PeerClosed as closed:
                        self.closed_by_client = closed.code
                        if closed.code == ABNORMAL:
                            return Ending("fin")
                        await trio.sleep(self._manners.close_delay)
                        return Ending("close")
                    except RemoteProtocolError as error:
                        self._broken(str(error))
                        return Ending("close")
            if frames:
                self._heed(frames)
                self._tell()
            if websocket.wants_flush:
                self._bell.ring()
        return self._ending or Ending()

    async def _write(self, websocket: ServerWebsocket) -> None:
        while True:
            await self._bell.wait()
            await self._hearing.wait()
            queue, self._queue = self._queue, []
            plain: list[Frame] = []
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

    def _shaped(self, frame: Frame) -> Item:
        message = frame.encode() if self._manners.binary and isinstance(frame, str) else frame
        size = self._manners.fragment_size
        return message if size is None else _Fragmented(message, size)

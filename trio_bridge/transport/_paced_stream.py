"""The stream that trio-websocket gets instead of the real one.

trio-websocket reads and writes whenever it likes. This keeps it to the rules of the seam:

1. It writes nothing by itself: what it wants to say waits in here until the task that sends calls :meth:`flush`. So a
   pong never waits for a message that is under way, and a reader never for a peer that does not read.
2. It reads while somebody waits for messages, and up to ``read_ahead`` bytes beyond what was taken from it. So what
   waits in memory has a bound, and yet pongs are seen while nobody receives.
3. Behind a close frame nothing is written, and it may not close the real stream: a close frame that the peer has not
   read yet would be lost with the bytes that we have not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import trio

from ._shell import RECEIVE_SIZE
from ._upgrade import cut_off

CLOSE_FRAME = 0x88
"""The first byte of every close frame. trio-websocket writes one frame at a time."""


class PacedStream(trio.abc.Stream):
    """Reads and writes a stream when it may.

    ``first`` gives what the opening handshake reads. ``heard`` is told of all bytes that arrive afterwards, and
    ``settled`` whenever trio-websocket has dealt with all that it read.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        *,
        first: Callable[[], Awaitable[bytes]],
        read_ahead: int,
        heard: Callable[[], None],
        settled: Callable[[], None],
    ) -> None:
        self._stream = stream
        self._first: Callable[[], Awaitable[bytes]] | None = first
        self._read_ahead = read_ahead
        self._heard = heard
        self._settled = settled
        self._unread = b""
        self._untaken = 0
        self._receivers = 0
        self._reading = trio.CancelScope()
        self._allowed = trio.Event()
        self._outgoing = bytearray()
        self._writing = trio.Lock()
        self._torn = False  # while bytes are under way, and for good if that was cut off
        self.settled = trio.Event()
        """Set while trio-websocket waits for more than it has read."""
        self.parted = False
        """Whether a close frame has been written, or waits to be."""

    # What trio-websocket calls

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await trio.lowlevel.checkpoint()
        self.push(data, parting=data[0] == CLOSE_FRAME)
        if self._first is not None:  # a client's request: nobody else is there to write it
            try:
                await self.flush()
            except trio.BrokenResourceError as error:
                raise cut_off() from error

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if self._first is not None:
            data, self._first = await self._first(), None
            return data
        self._settle()
        data = await self._read()
        self.settled = trio.Event()
        self._untaken += len(data)
        return data

    async def wait_send_all_might_not_block(self) -> None:
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
        self._settle()

    # What the WebSocket calls

    @property
    def wants_flush(self) -> bool:
        return bool(self._outgoing)

    def push(self, data: bytes | bytearray | memoryview, *, parting: bool = False) -> None:
        """The bytes leave with the next flush, unless a close frame is before them."""
        if not self.parted:
            self._outgoing += data
            self.parted = parting

    async def flush(self) -> None:
        """Everything that waits is written, in one go. A checkpoint.

        Raises:
          trio.BrokenResourceError: the connection broke, or a write was cut off before.
        """
        async with self._writing:
            if self._outgoing:
                if self._torn:
                    raise trio.BrokenResourceError("a write was cut off")
                data, self._outgoing = self._outgoing, bytearray()
                self._torn = True
                await self._stream.send_all(data)
                self._torn = False

    def unread(self, data: bytes) -> None:
        """These bytes are read before any others."""
        self._unread += data

    def taken(self) -> None:
        """What was read so far has left for those who wanted it."""
        self._untaken = 0
        self._allow()

    @contextmanager
    def wanted(self) -> Iterator[None]:
        """Within the block bytes are read, however many came before."""
        self._receivers += 1
        self._allow()
        try:
            yield
        finally:
            self._receivers -= 1
            if not self._may_read:
                self._reading.cancel("nobody wants to read any more")

    @property
    def _may_read(self) -> bool:
        return self._receivers > 0 or self._untaken < self._read_ahead

    def _allow(self) -> None:
        if self._may_read:
            self._allowed.set()

    async def _read(self) -> bytes:
        """Bytes, when they have come and may be read."""
        await trio.lowlevel.checkpoint()
        while True:
            if not self._may_read:
                self._allowed = trio.Event()
                await self._allowed.wait()
            elif self._unread:
                data, self._unread = self._unread, b""
                return data
            else:
                with trio.CancelScope() as self._reading:
                    data = bytes(await self._stream.receive_some(RECEIVE_SIZE))
                    if data:
                        self._heard()
                    return data

    def _settle(self) -> None:
        self.settled.set()
        self._settled()

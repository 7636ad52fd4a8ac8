"""A byte stream inside one process: bounded and lossless like a socket, until it is told to fail like one."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

CAPACITY = 65_536
"""Bytes that one direction holds before the sender waits; about what a socket's buffers hold."""


class Pipe:
    """One direction. Who changes anything wakes everybody who waits, and each looks again."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.buffer = bytearray()
        self.ended = False
        """Nothing more will be written."""
        self.deserted = False
        """Nobody reads any more."""
        self.broken = False
        self.silent = False
        """What is written from now on vanishes, an end included."""
        self._changed = trio.lowlevel.ParkingLot()

    def change(self) -> None:
        self._changed.unpark_all()

    async def wait_change(self) -> None:
        await self._changed.park()

    def end(self) -> None:
        if not self.silent:
            self.ended = True
            self.change()

    def desert(self) -> None:
        self.buffer.clear()
        if not self.silent:
            self.deserted = True
        self.change()

    def break_(self) -> None:
        self.buffer.clear()
        self.broken = True
        self.change()


class MemoryStream(trio.abc.HalfCloseableStream):
    """One end of a connection in memory."""

    def __init__(self, outgoing: Pipe, incoming: Pipe, on_close: Callable[[], object] = lambda: None) -> None:
        self._outgoing = outgoing
        self._incoming = incoming
        self._on_close = on_close
        self._closed = False
        self._busy: set[str] = set()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        pipe = self._outgoing
        with self._alone("sending"):
            await trio.lowlevel.checkpoint()
            rest = memoryview(data)
            while True:
                self._check_writable()
                if pipe.silent:
                    return
                room = pipe.capacity - len(pipe.buffer)
                pipe.buffer += rest[:room]
                rest = rest[room:]
                pipe.change()
                if not rest:
                    return
                await pipe.wait_change()

    async def wait_send_all_might_not_block(self) -> None:
        pipe = self._outgoing
        with self._alone("sending"):
            await trio.lowlevel.checkpoint()
            self._check_writable()
            while len(pipe.buffer) >= pipe.capacity and not pipe.silent:
                await pipe.wait_change()
                self._check_writable()

    async def send_eof(self) -> None:
        with self._alone("sending"):
            await trio.lowlevel.checkpoint()
            if self._closed:
                raise trio.ClosedResourceError
            self._outgoing.end()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        pipe = self._incoming
        size = pipe.capacity if max_bytes is None else operator.index(max_bytes)
        if size < 1:
            raise ValueError("max_bytes must be at least 1")
        with self._alone("receiving"):
            await trio.lowlevel.checkpoint()
            while True:
                if self._closed:
                    raise trio.ClosedResourceError
                if pipe.broken:
                    raise trio.BrokenResourceError("Connection reset by peer")
                if pipe.buffer:
                    data = bytes(pipe.buffer[:size])
                    del pipe.buffer[: len(data)]
                    pipe.change()
                    return data
                if pipe.ended:
                    return b""
                await pipe.wait_change()

    def is_readable(self) -> bool:
        """Whether receiving would return or fail at once."""
        pipe = self._incoming
        return bool(self._closed or pipe.broken or pipe.buffer or pipe.ended)

    def close(self) -> None:
        """What was written still arrives, then the end of the stream. Idempotent."""
        if not self._closed:
            self._closed = True
            self._outgoing.end()
            self._outgoing.change()
            self._incoming.desert()
            self._on_close()

    async def aclose(self) -> None:
        self.close()
        await trio.lowlevel.checkpoint()

    def break_(self) -> None:
        """Both ends fail from now on, and what was under way is lost: a reset."""
        self._outgoing.break_()
        self._incoming.break_()

    def silence(self) -> None:
        """What either end writes from now on vanishes, and neither is told: a half-open connection."""
        for pipe in (self._outgoing, self._incoming):
            pipe.silent = True
            pipe.change()

    def _check_writable(self) -> None:
        pipe = self._outgoing
        if self._closed or (pipe.ended and not pipe.broken):
            raise trio.ClosedResourceError
        if pipe.broken or pipe.deserted:
            raise trio.BrokenResourceError("Broken pipe")

    @contextmanager
    def _alone(self, doing: str) -> Iterator[None]:
        if doing in self._busy:
            raise trio.BusyResourceError(f"another task is {doing} on this stream")
        self._busy.add(doing)
        try:
            yield
        finally:
            self._busy.discard(doing)


def stream_pair(capacity: int = CAPACITY) -> tuple[MemoryStream, MemoryStream]:
    """The two ends of one connection in memory."""
    there, back = Pipe(capacity), Pipe(capacity)
    return MemoryStream(there, back), MemoryStream(back, there)

"""A network whose listeners note when clients send WebSocket pings: the heartbeat, as it arrives."""

from __future__ import annotations

from collections.abc import Iterator

import trio

from trio_bridge.transport.network import Network
from trio_bridge.transport.tcp import SystemNetwork

PING = 0x89
"""The first byte of a ping that is whole (RFC 6455 §5.2)."""
MASK = 4
"""Bytes of the mask that every frame of a client has."""


class PingWatch(Network):
    """The operating system's network, with an eye on the pings that come in."""

    honours_proxies = False

    def __init__(self) -> None:
        self._system = SystemNetwork()
        self.pinged_at: list[list[float]] = []
        """By connection, in the order of their opening."""

    async def connect_tcp(self, host: str, port: int) -> trio.abc.HalfCloseableStream:
        return await self._system.connect_tcp(host, port)

    async def look_up(self, host: str, port: int) -> list[str]:
        return await self._system.look_up(host, port)

    async def listen_tcp(self, host: str, port: int) -> WatchedListener:
        return WatchedListener(await self._system.listen_tcp(host, port), self)

    def port_of(self, listener: trio.abc.Listener[trio.abc.HalfCloseableStream]) -> int:
        assert isinstance(listener, WatchedListener)
        return self._system.port_of(listener.listener)

    def lateness(self, interval: float) -> Iterator[float]:
        """By how much each ping was late, measured against the most punctual one of its connection."""
        for times in self.pinged_at:
            begun = min((at - index * interval for index, at in enumerate(times)), default=0.0)
            for index, at in enumerate(times):
                yield at - begun - index * interval


class WatchedListener(trio.abc.Listener[trio.abc.HalfCloseableStream]):
    def __init__(self, listener: trio.SocketListener, watch: PingWatch) -> None:
        self.listener = listener
        self._watch = watch

    async def accept(self) -> WatchedStream:
        return WatchedStream(await self.listener.accept(), self._watch)

    async def aclose(self) -> None:
        await self.listener.aclose()


class WatchedStream(trio.abc.HalfCloseableStream):
    """A client's connection. What it sends after a GET with an upgrade is frames."""

    def __init__(self, stream: trio.SocketStream, watch: PingWatch) -> None:
        self._stream = stream
        self._watch = watch
        self._pinged_at: list[float] | None = None
        self._unread = bytearray()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def send_eof(self) -> None:
        await self._stream.send_eof()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._stream.receive_some(max_bytes)
        if self._pinged_at is not None:
            self._read_frames(data)
        elif data.startswith(b"GET "):
            self._pinged_at = []
            self._watch.pinged_at.append(self._pinged_at)
            self._read_frames(data.partition(b"\r\n\r\n")[2])
        return data

    def close(self) -> None:
        self._stream.socket.close()

    async def aclose(self) -> None:
        await self._stream.aclose()

    def _read_frames(self, data: bytes | bytearray) -> None:
        assert self._pinged_at is not None
        unread, start = self._unread, 0
        unread += data
        while len(unread) >= start + 2:
            size, head = unread[start + 1] & 0x7F, 2
            if size >= 126:
                head = 4 if size == 126 else 10
                if len(unread) < start + head:
                    break
                size = int.from_bytes(unread[start + 2 : start + head])
            if len(unread) < start + head + MASK + size:
                break
            if unread[start] == PING:
                self._pinged_at.append(trio.current_time())
            start += head + MASK + size
        del unread[:start]

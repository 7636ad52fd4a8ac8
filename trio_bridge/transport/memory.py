"""A network inside one process, for tests in virtual time. Things break in it by name."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import attrs
import trio
from websockets.protocol import Protocol, Side, State

from ..errors import HandshakeFailed
from ._closing import CLOSE_GRACE
from ._core_server import CoreServerWebsocket
from ._pipe import CAPACITY, MemoryStream, Pipe, stream_pair
from ._shell import MAX_SIZE, CoreWebsocket, quiet
from .limits import DNS_LIMIT, TCP_LIMIT, stage_limit
from .network import Network
from .server_websocket import ServerWebsocket
from .websocket import Websocket

Fault = Literal["no_name", "no_resolver", "blackhole", "refused"]

LOOPBACK = ("localhost", "::1", "0.0.0.0", "::")  # noqa: S104  nothing is bound here
FIRST_PORT = 49_152
BACKLOG = 128


@attrs.frozen(eq=False)
class MemoryConnection:
    """One connection of a memory network, as somebody who cuts cables sees it."""

    host: str
    port: int
    client: MemoryStream
    server: MemoryStream

    def silence(self) -> None:
        """What either side writes from now on vanishes, and neither side is told: a half-open connection."""
        self.client.silence()

    def break_(self) -> None:
        """Both sides see a reset, and what was under way is lost."""
        self.client.break_()


class MemoryListener(trio.abc.Listener[MemoryStream]):
    """Accepts what :meth:`MemoryNetwork.connect_tcp` offers."""

    def __init__(self, network: MemoryNetwork, host: str, port: int) -> None:
        self._network = network
        self.host = host
        self.port = port
        self._offers_in, self._offers_out = trio.open_memory_channel[MemoryStream](BACKLOG)

    async def accept(self) -> MemoryStream:
        return await self._offers_out.receive()

    async def offer(self, stream: MemoryStream) -> None:
        """Put a connection into the backlog, waiting while that is full."""
        await self._offers_in.send(stream)

    async def aclose(self) -> None:
        """Whoever was not accepted yet sees a reset."""
        self._network.forget(self)
        while self._offers_out.statistics().current_buffer_used:
            self._offers_out.receive_nowait().break_()
        self._offers_in.close()
        self._offers_out.close()
        await trio.lowlevel.checkpoint()


class MemoryNetwork(Network):
    """Connects hosts of one process. Any name may be listened on; a name without a listener refuses connections."""

    honours_proxies = False

    def __init__(self, *, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._listeners: dict[tuple[str, int], MemoryListener] = {}
        self._next_port = FIRST_PORT
        self._faults: list[tuple[Fault, str | None]] = []
        self.connections: list[MemoryConnection] = []
        """Those that are open at one end at least, the oldest first."""

    async def connect_tcp(self, host: str, port: int) -> MemoryStream:
        await self.look_up(host, port)
        fault = self._fault_of(host)
        with stage_limit("tcp", TCP_LIMIT, f"connecting to {host}:{port}"):
            if fault == "blackhole":
                await trio.sleep_forever()
            listener = self._listeners.get((same_host(host), port))
            if listener is None or fault == "refused":
                raise HandshakeFailed(f"connecting to {host}:{port}: Connection refused", stage="tcp")
            connection = self._join(host, port)
            try:
                await listener.offer(connection.server)
            except BaseException:
                self.connections.remove(connection)
                raise
        return connection.client

    async def look_up(self, host: str, port: int) -> list[str]:
        await trio.lowlevel.checkpoint()
        fault = self._fault_of(host)
        if fault == "no_name":
            raise HandshakeFailed(f"looking up {host}: Name or service not known", stage="dns")
        if fault == "no_resolver":
            with stage_limit("dns", DNS_LIMIT, f"looking up {host}"):
                await trio.sleep_forever()
        return [same_host(host)]

    async def listen_tcp(self, host: str, port: int) -> MemoryListener:
        await trio.lowlevel.checkpoint()
        host = same_host(host)
        if port == 0:
            port, self._next_port = self._next_port, self._next_port + 1
        if (host, port) in self._listeners:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        listener = self._listeners[host, port] = MemoryListener(self, host, port)
        return listener

    def port_of(self, listener: trio.abc.Listener[trio.abc.HalfCloseableStream]) -> int:
        if not isinstance(listener, MemoryListener):
            raise TypeError(f"not a listener of this network: {listener!r}")
        return listener.port

    def forget(self, listener: MemoryListener) -> None:
        """The address can be listened on again."""
        self._listeners.pop((listener.host, listener.port), None)

    @contextmanager
    def without_name(self, host: str | None = None) -> Iterator[None]:
        """Within the block the host (or every host) has no address."""
        with self._failing("no_name", host):
            yield

    @contextmanager
    def without_resolver(self, host: str | None = None) -> Iterator[None]:
        """Within the block a look-up gets no answer."""
        with self._failing("no_resolver", host):
            yield

    @contextmanager
    def blackhole(self, host: str | None = None) -> Iterator[None]:
        """Within the block a connect gets no answer."""
        with self._failing("blackhole", host):
            yield

    @contextmanager
    def refusing(self, host: str | None = None) -> Iterator[None]:
        """Within the block connections are refused."""
        with self._failing("refused", host):
            yield

    def _fault_of(self, host: str) -> Fault | None:
        return next((fault for fault, victim in reversed(self._faults) if victim in (None, host)), None)

    @contextmanager
    def _failing(self, fault: Fault, host: str | None) -> Iterator[None]:
        entry = (fault, host)
        self._faults.append(entry)
        try:
            yield
        finally:
            self._faults.remove(entry)

    def _join(self, host: str, port: int) -> MemoryConnection:
        there, back = Pipe(self._capacity), Pipe(self._capacity)
        ends_open = 2

        def closed() -> None:
            nonlocal ends_open
            ends_open -= 1
            if not ends_open:
                self.connections.remove(connection)

        connection = MemoryConnection(host, port, MemoryStream(there, back, closed), MemoryStream(back, there, closed))
        self.connections.append(connection)
        return connection


def same_host(host: str) -> str:
    """One name for all that mean this machine."""
    return "127.0.0.1" if host in LOOPBACK else host


def websocket_pair(
    *, max_size: int = MAX_SIZE, close_grace: float = CLOSE_GRACE, capacity: int = CAPACITY
) -> tuple[Websocket, ServerWebsocket]:
    """The two ends of an open WebSocket connection in memory: the client's, and the server's, which can misbehave."""
    near, far = stream_pair(capacity)
    return (
        CoreWebsocket(
            near, Protocol(Side.CLIENT, state=State.OPEN, max_size=max_size, logger=quiet), close_grace=close_grace
        ),
        CoreServerWebsocket(
            far, Protocol(Side.SERVER, state=State.OPEN, max_size=max_size, logger=quiet), close_grace=close_grace
        ),
    )

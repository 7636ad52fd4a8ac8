"""Where a simulator is reached: a port with everybody who came to it. It can be away for a while."""

from __future__ import annotations

import abc
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Generic, TypeVar

import trio

from ..transport.network import Network
from ..transport.server import (
    AcceptWebsocket,
    HttpRequest,
    HttpResponse,
    HttpStreamResponse,
    ServerWebsocket,
    serve_stream,
)
from ._clockwork import Clockwork, Timed
from ._peer import SimulatedPeer

AnyPeer = TypeVar("AnyPeer", bound=SimulatedPeer[Any])

Listener = trio.abc.Listener[trio.abc.HalfCloseableStream]
Met = HttpResponse | HttpStreamResponse | AcceptWebsocket | None
"""What a request is answered with."""


class Reception(Clockwork, Generic[AnyPeer]):
    """Meets whoever comes to its port, while it is not away."""

    def __init__(self, gateway: Timed) -> None:
        super().__init__(gateway)
        self.opened: list[AnyPeer] = []
        """Every connection that ever was, the oldest first."""
        self._peers: dict[str, AnyPeer] = {}
        self._serving = trio.CancelScope()
        self._gone = trio.Event()

    @property
    def connections(self) -> Sequence[AnyPeer]:
        """The live ones, the oldest first."""
        return tuple(peer for peer in self._peers.values() if peer.live)

    @property
    def connected(self) -> int:
        """How many live ones there are."""
        return len(self.connections)

    async def run(
        self,
        network: Network,
        host: str,
        listener: Listener,
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled. A bug in here ends it, and the test that stands on it."""
        self._network, self._host, self._port = network, host, network.port_of(listener)
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self.keep_time)
            await self._nursery.start(self._serve, listener)
            task_status.started()

    @asynccontextmanager
    async def away(self) -> AsyncGenerator[None]:
        """Within the block it is as if its process had been killed: every connection is over, the port is closed."""
        last = self.connections
        for peer in last:
            peer.drop("rst")
        await self.wait_until(lambda: not any(peer.live for peer in last))
        self._serving.cancel("it is away")
        await self._gone.wait()
        yield
        listener = await self._network.listen_tcp(self._host, self._port)
        await self._nursery.start(self._serve, listener)

    async def _serve(
        self, listener: Listener, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        self._gone = trio.Event()
        with trio.CancelScope() as self._serving:
            task_status.started()
            await trio.serve_listeners(self._meet_client, [listener])
        self._gone.set()

    async def _meet_client(self, stream: trio.abc.HalfCloseableStream) -> None:
        """Serve one TCP connection: calls, and perhaps a WebSocket in the end."""
        upgraded: list[AnyPeer] = []
        try:
            await serve_stream(stream, partial(self._answer, upgraded))
        finally:
            for peer in upgraded:  # one at most; it may never have heard that it is connected
                peer.lost()
                del self._peers[peer.id]
            self.tell()

    @abc.abstractmethod
    async def _answer(self, upgraded: list[AnyPeer], request: HttpRequest) -> Met:
        """Answer a request; whoever is to have a WebSocket is put on the list by :meth:`_let_in`."""

    def _let_in(self, upgraded: list[AnyPeer], peer: AnyPeer) -> None:
        upgraded.append(peer)
        self._peers[peer.id] = peer
        self.opened.append(peer)

    async def _converse(self, upgraded: list[AnyPeer], websocket: ServerWebsocket) -> None:
        (peer,) = upgraded
        await peer.run(websocket)

"""Where a simulator is reached: a port with everybody who came to it. It can be away for a while."""

from __future__ import annotations

import abc
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import trio

from ..transport.network import Network
from ._clockwork import Clockwork, Timed
from ._peer import SimulatedPeer

Listener = trio.abc.Listener[trio.abc.HalfCloseableStream]


class Reception(Clockwork):
    """Meets whoever comes to its port, while it is not away."""

    def __init__(self, gateway: Timed) -> None:
        super().__init__(gateway)
        self._serving = trio.CancelScope()
        self._gone = trio.Event()

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

    @property
    @abc.abstractmethod
    def connections(self) -> Sequence[SimulatedPeer[Any]]:
        """The live ones, the oldest first."""

    @abc.abstractmethod
    async def _meet_client(self, stream: trio.abc.HalfCloseableStream) -> None:
        """Serve one TCP connection to its end."""

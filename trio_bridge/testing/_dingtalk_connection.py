"""One client's connection to the DingTalk simulator, and what can be said on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import trio

from ..platforms.dingtalk.gateway.gateway import Gateway
from ..platforms.dingtalk.gateway.ledger import Pushed
from ..platforms.dingtalk.gateway.model import GatewayConnection, Ping
from ..wire.protocol import Frame
from ._peer import Manners, SimulatedPeer


class SimulatedConnection(SimulatedPeer[GatewayConnection]):
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
        super().__init__(state, manners, tell=tell)
        self._gateway = gateway
        self._flush = flush

    @property
    def client_id(self) -> str:
        """The app whose credentials opened it."""
        return self.state.client_id

    @property
    def subscriptions(self) -> frozenset[tuple[str, str]]:
        """Types and topics that the client asked for."""
        return self.state.subscriptions

    @property
    def pings(self) -> Sequence[Ping]:
        """The health checks that were sent on it, each with the time of its answer."""
        return tuple(self.state.pings)

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

    def disconnect(self, reason: str = "persistent connection is timeout") -> None:
        """Announce that the server will leave: nothing is pushed here any more, and 10 s later it is dropped."""
        self._gateway.disconnect(self.state, reason, trio.current_time())
        self._flush()

    @contextmanager
    def deaf(self) -> Iterator[None]:
        self.state.excused = True
        with super().deaf():
            yield

    # For the simulator.

    def _heed(self, frames: Sequence[Frame]) -> None:
        self._gateway.receive(self.state, frames, trio.current_time())

    def _broken(self, detail: str) -> None:
        self._gateway.broken(self.state, detail, trio.current_time())

    def lost(self) -> None:
        self._gateway.lost(self.state)

"""One client's connection to the Feishu simulator, and what can be said on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from ..platforms.feishu.gateway.connection import GatewayConnection
from ..platforms.feishu.gateway.gateway import Gateway
from ..platforms.feishu.gateway.ledger import Pushed
from ..wire.protocol import Frame
from ._peer import Manners, SimulatedPeer


class SimulatedConnection(SimulatedPeer[GatewayConnection]):
    """A connection of one client, as the server holds it. Its ``id`` is the device id of its address."""

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
    def app_id(self) -> str:
        """The app whose credentials opened it."""
        return self.state.app_id

    @property
    def pings(self) -> Sequence[float]:
        """When the client's own pings came."""
        return tuple(self.state.pings)

    # What can be done to it.

    def push_frame(self, frame: Frame) -> Pushed | None:
        """Send a message as it is: bytes that need not be a frame, or a text. Returns the event in it, if a client
        could acknowledge it."""
        pushed = self._gateway.push_frame(self.state, frame, trio.current_time())
        self._flush()
        return pushed

    # For the simulator.

    def _heed(self, frames: Sequence[Frame]) -> None:
        self._gateway.receive(self.state, frames, trio.current_time())
        self._flush()

    def _broken(self, detail: str) -> None:
        self._gateway.broken(self.state, detail, trio.current_time())

    def lost(self) -> None:
        self._gateway.lost(self.state, trio.current_time())

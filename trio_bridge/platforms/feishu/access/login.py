"""How a connection comes to be: a call gives its address, and a first sign of life shows that it works."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import attrs
import trio

from ....engine.platform import Connection
from ....errors import ConnectionLost, HandshakeFailed
from ....transport.client import open_websocket
from ....transport.network import Network
from ....transport.websocket import UpgradeRefused, Websocket
from ....wire.fragments import Fragments
from ....wire.protocol import Frame
from ..arriving import Arriving
from ..client_config import Terms
from ..config import Feishu
from ..protocol import FeishuProtocol
from .discovery import Discovery, Place
from .refusals import Refusals

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class Login:
    """Opens the connections of one account."""

    _config: Feishu
    _network: Network
    _discovery: Discovery
    _refusals: Refusals
    _terms: Terms
    _arriving: Arriving
    step: str = attrs.field(default="", init=False)
    """What the last attempt did at its end, or the present one does now."""

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """One connection on which the server was heard: a ping of ours is out, and something came back.

        Raises:
          ConnectionLost, RateLimited: try again.
          AccountRefused: don't, or much later.
          ConfigError: the secret can't be read.
        """
        self.step = "discovering"
        place = await self._discovery.ask()
        self._terms.heed(place.said)
        self.step = "handshaking"
        async with self._open(place) as link:
            self.step = "awaiting_pong"
            protocol = self._protocol(place.service)
            early = await self._first_frames(link, protocol.beat())
            self._refusals.forget()
            logger.debug("connected", extra={**self._config.labels, "device_id": place.device_id})
            yield Connection(link, protocol, early=early, id=place.device_id, answered=True)

    @asynccontextmanager
    async def _open(self, place: Place) -> AsyncIterator[Websocket]:
        opening = open_websocket(
            place.url,
            network=self._network,
            ca_file=self._config.ca_file,
            allow_insecure=self._config.allow_insecure,
            max_size=self._config.max_frame_bytes,
            transport=self._config.transport,
        )
        async with AsyncExitStack() as stack:
            try:
                link = await stack.enter_async_context(opening)
            except UpgradeRefused as refused:
                raise self._refusals.of_upgrade(refused, place.masked) from refused
            yield link

    async def _first_frames(self, link: Websocket, ping: Frame) -> list[Frame]:
        """Whatever comes first: the answer to the ping, or events that were in a hurry."""
        patience = min(self._config.pong_timeout, self._terms.config.ping_interval / 2)
        try:
            with trio.move_on_after(patience):
                await link.send_batch([ping])
                while True:
                    if frames := await link.receive_batch():
                        return frames
        except ConnectionLost as error:
            raise HandshakeFailed(f"connected, and before anything was heard {error}", stage="handshake") from error
        raise HandshakeFailed(f"connected, and nothing was heard within {patience:g} s", stage="handshake")

    def _protocol(self, service: int) -> FeishuProtocol:
        config, log = self._config, self._network.log
        fragments = Fragments(
            most_pieces=config.max_fragments, most_bytes=config.max_event_bytes, ttl=config.fragment_ttl
        )
        return FeishuProtocol(service, self._arriving, self._terms, fragments, trio.current_time, config.labels, log)

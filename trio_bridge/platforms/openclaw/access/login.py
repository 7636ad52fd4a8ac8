"""How a connection to a gateway comes to be, and what its end means for the next one."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import attrs

from ....engine.platform import Services
from ....errors import BridgeError, PeerClosed, StoreUnavailable
from ....transport.client import open_websocket
from ....transport.urls import endpoint_of
from ....transport.websocket import UpgradeRefused, Websocket
from ..config import OpenClaw
from ..failures import close_category, close_meaning, connect_failure, upgrade_failure
from ..hello import Hello
from .device_tokens import DeviceToken, DeviceTokens
from .handshake import Admitted, Refused, shake_hands
from .identity import DeviceIdentity, has_key, load_identity
from .ladder import TRIES, Ladder, is_private
from .offer import ROLE, Offer
from .pairing import Pairing

LARGEST: Final = 32 * 2**20
"""Bytes of a frame. Gateways keep theirs to 25 MiB."""

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class Login:
    """Opens the connections of one account, and remembers what the gateway said about the device."""

    _config: OpenClaw
    _services: Services
    identity: DeviceIdentity | None = attrs.field(default=None, init=False)
    """The device that the gateway knows us by, since the first attempt."""
    pairing: Pairing | None = attrs.field(default=None, init=False)
    """What a person must approve before the gateway lets us in."""
    _token: DeviceToken | None = attrs.field(default=None, init=False)
    """The device's own, at the last login."""
    _withdrawn: str = attrs.field(default="", init=False, repr=False)
    """A token that the gateway took back since."""
    _lacking: list[str] = attrs.field(factory=list, init=False)

    @property
    def gateway(self) -> str:
        """Where the gateway is, and no secret."""
        return str(endpoint_of(self._config.url, allow_insecure=self._config.allow_insecure))

    @asynccontextmanager
    async def connect(self, *, bare: bool = False) -> AsyncIterator[Admitted]:
        """One connection on which the gateway let us in. ``bare``: without a device, as some gateways allow.

        Raises:
          ConnectionLost, RateLimited: try again.
          AccountRefused: the gateway will not have us as we are, or not before a person has approved us.
          ConfigError: a secret can't be read.
          StoreUnavailable: nobody can tell what the gateway gave this device.
        """
        identity = None if bare else await self._identify()
        ladder = Ladder(self._config, identity, self._tokens)
        offer = await ladder.first(withdrawn=self._withdrawn)
        self._withdrawn = ""
        for _ in range(TRIES):
            async with self._open() as link:
                verdict = await shake_hands(link, offer, self._config, gateway=self.gateway, now_ms=self._now_ms)
                if isinstance(verdict, Admitted):
                    await self._let_in(verdict.hello, offer)
                    yield verdict
                    return
                refused = verdict
            self._note_pairing(refused)
            following = await ladder.after(offer, refused)
            if following is None:
                break
            offer = following
        raise connect_failure(refused.error, refused.close)

    async def has_key(self) -> bool:
        """Whether there is a device already, or the first attempt would make one."""
        services = self._services
        return await has_key(self._config.device_key_file, store=services.store, environment=services.environment)

    def meaning(self, close: PeerClosed, restart_hint: float | None) -> BridgeError:
        """Why the gateway closed a connection on which it had let us in. What that says of the next one is heeded."""
        match close_category(close):
            case "device_removed" if self._token is not None:
                self._withdrawn = self._token.token
            case "slow_reader":
                logger.warning("the gateway closed: we read too slowly", extra=self._config.labels)
        return close_meaning(close, restart_hint=restart_hint)

    def device_id(self) -> str:
        """The device that the gateway knows us by; empty before the first attempt."""
        return "" if self.identity is None else self.identity.device_id

    async def keep_rotated(self, token: str, scopes: frozenset[str], issued_at: float) -> None:
        """The gateway gave our device another token, and closes now.

        Raises:
          StoreUnavailable: it could not be kept.
        """
        if is_private(self._config):
            await self._tokens.keep(self._config.url, self.device_id(), ROLE, token, scopes, issued_at)

    @property
    def _tokens(self) -> DeviceTokens:
        return DeviceTokens(self._services.store)

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Websocket]:
        config = self._config
        try:
            async with open_websocket(
                config.url,
                network=self._services.environment.network,
                ca_file=config.ca_file,
                max_size=LARGEST,
                allow_insecure=config.allow_insecure,
                transport=config.transport,
            ) as link:
                yield link
        except UpgradeRefused as refused:
            raise upgrade_failure(refused, gateway=self.gateway) from refused

    async def _identify(self) -> DeviceIdentity:
        if self.identity is None:
            services = self._services
            self.identity = await load_identity(
                self._config.device_key_file, store=services.store, environment=services.environment
            )
        return self.identity

    async def _let_in(self, hello: Hello, offer: Offer) -> None:
        """Keep what the gateway gave us for the next time, and say what it did not."""
        self.pairing = None
        self._token = offer.device_token
        if hello.device_token and offer.identity is not None and is_private(self._config):
            await self._keep(hello, offer, offer.identity)
        lacking = [] if offer.identity is None else hello.lacking(self._config.scopes)
        if lacking and lacking != self._lacking:
            fields = {**self._config.labels, "lacking": ", ".join(lacking)}
            logger.warning("the gateway lets us do less than was asked for", extra=fields)
        self._lacking = lacking

    async def _keep(self, hello: Hello, offer: Offer, identity: DeviceIdentity) -> None:
        scopes = offer.scopes if hello.scopes is None else hello.scopes
        try:
            self._token = await self._tokens.keep(
                self._config.url, identity.device_id, ROLE, hello.device_token, scopes, hello.issued_at
            )
        except StoreUnavailable as error:  # the shared secret is still there
            fields = {**self._config.labels, "cause": str(error)}
            logger.warning("the device's token could not be kept", extra=fields)

    def _note_pairing(self, refused: Refused) -> None:
        details = None if refused.error is None else refused.error.details
        self.pairing = Pairing.of(details) if refused.category == "pairing" else None

    def _now_ms(self) -> int:
        return round(self._services.environment.wall() * 1000)

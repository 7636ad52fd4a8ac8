"""With what a gateway is tried first, and with what after it said no: one attempt, a few tries.

1. The device's own token goes along with the shared secret from the start: either lets us in, so that it does not
   matter which of them was changed.
2. A token that is good no more is forgotten, and the secret is tried alone.
3. A secret that was refused is read once more where it comes from; only another one is tried.
4. A key is never replaced and a device never paired anew by itself: a person decides.
"""

from __future__ import annotations

from typing import Final

import attrs

from ....errors import BridgeError, ConfigError, HandshakeFailed
from ....transport.limits import stage_limit
from ....transport.urls import endpoint_of, is_loopback
from ..config import OpenClaw
from .device_tokens import DeviceTokens
from .handshake import Refused
from .identity import DeviceIdentity
from .offer import ROLE, Credentials, Offer

TRIES: Final = 3
"""In one attempt. A wrong secret costs up to 5 s each time."""

CREDENTIALS_LIMIT: Final = 10.0
"""Seconds for a function that is to say the token."""


@attrs.define(eq=False)
class Ladder:
    """The tries of one attempt."""

    _config: OpenClaw
    _identity: DeviceIdentity | None
    _tokens: DeviceTokens
    _renewed: bool = attrs.field(default=False, init=False)
    """A fresh challenge was asked for already."""

    async def first(self, *, withdrawn: str) -> Offer:
        """What to begin with. A token that the gateway took back is forgotten, unless there is a newer one."""
        config, identity = self._config, self._identity
        credentials = await self._read()
        token = None if identity is None else await self._tokens.find(config.url, identity.device_id, ROLE)
        if token is not None and token.token == withdrawn:
            await self._forget()
            token = None
        if token is not None and not (is_private(config) and (not credentials or token.scopes >= set(config.scopes))):
            token = None  # what it is not good for would be refused, and the secret with it
        return Offer(identity=identity, credentials=credentials, scopes=config.scopes, device_token=token)

    async def after(self, offer: Offer, refused: Refused) -> Offer | None:
        """What to try after a refusal; ``None``: there is nothing that could help."""
        token, secret = offer.device_token, offer.credentials
        match refused.category:
            case "device_token" if token is not None and token.scopes >= set(offer.scopes):
                await self._forget()
                return attrs.evolve(offer, device_token=None) if secret else None
            case "device_token" if token is not None:
                # Some gateways say so of a good token, too, if more is asked for than it was given for.
                return attrs.evolve(offer, scopes=sorted(token.scopes))
            case "more_scopes" if token is not None and secret:
                return attrs.evolve(offer, device_token=None)
            case "auth" if (fresh := await self._read()) != secret:
                return attrs.evolve(offer, credentials=fresh)
            case "stale_proof" if not self._renewed:
                self._renewed = True
                return offer
        return None

    async def _forget(self) -> None:
        if self._identity is not None:
            await self._tokens.forget(self._config.url, self._identity.device_id, ROLE)

    async def _read(self) -> Credentials:
        token, password = self._config.token, self._config.password
        return Credentials(
            token=await self._ask() if token is None else token.read(),
            password="" if password is None else password.read(),
        )

    async def _ask(self) -> str:
        """The token that the user's function says."""
        if self._config.credentials is None:
            return ""
        try:
            with stage_limit("login", CREDENTIALS_LIMIT, "credentials"):
                token = await self._config.credentials()
        except BridgeError:
            raise
        except Exception as error:  # A wall: the function is the user's, and its words may hold a secret.
            raise HandshakeFailed(f"credentials: it raised {type(error).__name__}", stage="login") from None
        if not isinstance(token, str):
            raise ConfigError(f"credentials: expected a text, not {type(token).__name__}")
        return token


def is_private(config: OpenClaw) -> bool:
    """Whether nobody between us and the gateway could read a token that is good for ever."""
    endpoint = endpoint_of(config.url, allow_insecure=config.allow_insecure)
    return endpoint.secure or is_loopback(endpoint.host)

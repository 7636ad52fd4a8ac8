"""What gateways gave our devices to log in with, kept through restarts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import attrs

from ....engine.store import AccountStore

SCOPE: Final = "openclaw.device_tokens"
"""Of the small state."""


@attrs.frozen
class DeviceToken:
    """A token of one device at one gateway, and what it was given for."""

    token: str = attrs.field(repr=False)
    scopes: frozenset[str]
    """Gateways say them in different orders."""
    issued_at: float
    """Seconds since the epoch, by the gateway's clock."""


class DeviceTokens:
    """The tokens of one account: at most one for each gateway (its URL), device and role.

    Raises:
      StoreUnavailable: from every method.
    """

    def __init__(self, store: AccountStore) -> None:
        self._store = store

    async def find(self, gateway: str, device_id: str, role: str) -> DeviceToken | None:
        """The token to log in with. What lies in its place and is none is forgotten."""
        key = _key(gateway, device_id, role)
        record = (await self._store.load(SCOPE)).get(key)
        token = _token_of(record)
        if token is None and record is not None:
            await self._store.save(SCOPE, {key: None})
        return token

    async def keep(
        self, gateway: str, device_id: str, role: str, token: str, scopes: Iterable[str], issued_at: float
    ) -> DeviceToken:
        """A token that a gateway gave us is kept, in place of the former one.

        The same again keeps its scopes: whoever logs in with it for less is told only what was asked for.
        """
        known = await self.find(gateway, device_id, role)
        if known is not None and known.token == token:
            return known
        new = DeviceToken(token, frozenset(scopes), float(issued_at))
        record = {"token": token, "scopes": sorted(new.scopes), "issued_at": new.issued_at}
        await self._store.save(SCOPE, {_key(gateway, device_id, role): record})
        return new

    async def forget(self, gateway: str, device_id: str, role: str) -> None:
        """There is no token, or the gateway will not have it any more."""
        await self._store.save(SCOPE, {_key(gateway, device_id, role): None})


def _key(gateway: str, device_id: str, role: str) -> str:
    return f"{role} {device_id} {gateway}"


def _token_of(record: Any) -> DeviceToken | None:
    match record:
        case {"token": str(token), "scopes": [*scopes], "issued_at": float(issued_at)}:
            if token and all(isinstance(scope, str) for scope in scopes):
                return DeviceToken(token, frozenset(scopes), issued_at)
    return None

"""Devices of a gateway: those that wait for approval, those that have it, and their tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import attrs
import trio

from ..access.offer import ROLE
from ..reading import Fields
from .asking import Caller

KEEP_LIMIT: Final = 5.0
"""Seconds in which a token of our own has to be in the store: right behind it comes the end of the connection."""

KeepToken = Callable[[str, frozenset[str], float], Awaitable[None]]
"""Keeps our device's own token, what it is good for, and when it was made."""


@attrs.frozen(kw_only=True)
class GatewayDevice:
    """A device, as the gateway knows it."""

    device_id: str
    request_id: str = ""
    """Of the request that waits for approval; empty for a device that has it."""
    scopes: frozenset[str] = frozenset()
    platform: str = ""
    client_id: str = ""
    remote_ip: str = ""
    at: float | None = None
    """When it asked, or was approved: seconds since the epoch."""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The gateway's own description, whole."""

    @classmethod
    def of(cls, payload: Any) -> GatewayDevice:
        """From a row of a list.

        Raises:
          RemoteProtocolError: it has no device id.
        """
        fields = Fields.of(payload)
        return cls(
            device_id=fields.need("deviceId"),
            request_id=fields.text("requestId"),
            scopes=_scopes(fields),
            platform=fields.text("platform"),
            client_id=fields.text("clientId"),
            remote_ip=fields.text("remoteIp"),
            at=fields.moment("ts") or fields.moment("approvedAtMs"),
            raw=fields.raw,
        )


@attrs.frozen(kw_only=True)
class DeviceList:
    """All devices of a gateway."""

    pending: tuple[GatewayDevice, ...]
    """They wait for approval."""
    paired: tuple[GatewayDevice, ...]

    @classmethod
    def of(cls, payload: Any) -> DeviceList:
        """From an answer.

        Raises:
          RemoteProtocolError: it has no such lists.
        """
        fields = Fields.of(payload)
        return cls(
            pending=tuple(GatewayDevice.of(row) for row in fields.need_objects("pending")),
            paired=tuple(GatewayDevice.of(row) for row in fields.need_objects("paired")),
        )


@attrs.define(eq=False, repr=False)
class Devices:
    """Devices of a gateway: ``account.api.devices``. The scope is ``operator.pairing``.

    They raise what calls of :class:`Sessions` do. A device whose token is replaced or withdrawn, or that is removed, is
    disconnected at once, and so are we if it is ours.
    """

    _caller: Caller
    _own_id: Callable[[], str]
    _keep: KeepToken

    async def list(self) -> DeviceList:
        """The devices that wait for approval, and those that have it."""
        return await self._caller.ask("device.pair.list", {}, DeviceList.of)

    async def approve(self, request_id: str) -> GatewayDevice:
        """The device that made this request may log in."""
        return await self._caller.tell("device.pair.approve", {"requestId": request_id}, _approved)

    async def reject(self, request_id: str) -> None:
        """The request is off. The device may make another."""
        await self._caller.tell("device.pair.reject", {"requestId": request_id}, Fields.of)

    async def remove(self, device_id: str) -> None:
        """The device is known no more, and has to be approved again."""
        await self._caller.tell("device.pair.remove", {"deviceId": device_id}, Fields.of)

    async def rotate(self, device_id: str | None = None, *, role: str = ROLE) -> None:
        """A device has another token; by default ours, whose new one is kept before anything else happens.

        The gateway tells a new token only to the device itself, and only if that logged in with its former one.
        """
        own_id = self._own_id()
        wanted = {"deviceId": device_id or own_id, "role": role}
        given = await self._caller.tell("device.token.rotate", wanted, Fields.of)
        # We log in as an operator alone: what our device may show as something else is not for the next login.
        if wanted == {"deviceId": own_id, "role": ROLE} and (token := given.text("token")):
            with trio.move_on_after(KEEP_LIMIT, shield=True):
                await self._keep(token, _scopes(given), given.moment("rotatedAtMs") or 0.0)

    async def revoke(self, device_id: str, *, role: str = ROLE) -> None:
        """The device's token is good no more; with the shared secret it may log in again."""
        await self._caller.tell("device.token.revoke", {"deviceId": device_id, "role": role}, Fields.of)


def _approved(payload: Any) -> GatewayDevice:
    return GatewayDevice.of(Fields.of(payload).need_object("device"))


def _scopes(fields: Fields) -> frozenset[str]:
    return frozenset(fields.texts("scopes"))

"""What whoever owns a simulated OpenClaw Gateway does at its console: who is let in, what everybody hears."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import Any

import trio

from ..platforms.openclaw.gateway.devices import Device, PairRequest
from ..platforms.openclaw.gateway.gateway import Gateway
from ..platforms.openclaw.gateway.methods import ADMIN, READ, Later, Peer

OWNER = Peer(
    id="console",
    scopes=(ADMIN,),
    caps=frozenset({"approvals", "exec-approvals", "plugin-approvals"}),
    client={"id": "cli", "version": "simulated", "platform": "linux", "mode": "cli"},
)
"""An administrator on no connection."""


class Owner(abc.ABC):
    """Acts on the gateway as its owner."""

    _gateway: Gateway

    async def call(self, method: str, params: Mapping[str, Any] | None = None) -> Any:
        """Call a method as an administrator, and return its payload; waits where the method does.

        Raises:
          Refusal: the gateway refuses.
          LookupError: it has no such method.
        """
        self._gateway.now = trio.current_time()
        result = self._gateway.method(method).run(OWNER, params or {})
        self._act()
        if not isinstance(result, Later):
            await trio.lowlevel.checkpoint()
            return result
        await self.wait_until(lambda: result.settled)
        return result.payload

    def broadcast(self, event: str, payload: Any, *, scope: str | None = READ, numbered: bool = True) -> None:
        """Tell everybody who has the scope of an event; plugins do so without numbers."""
        self._gateway.now = trio.current_time()
        self._gateway.broadcast(event, payload, scope=scope, numbered=numbered)
        self._act()

    async def approve(self, request_id: str | None = None) -> Device:
        """Let a device in that waits: the one of this request, or the only one; waits for it to ask.

        Raises:
          Refusal: there is no such request.
        """
        request_id = request_id or (await self.next_request()).id
        self._gateway.now = trio.current_time()
        device = self._gateway.pairing.approve(request_id)
        self._act()
        return device

    async def reject(self, request_id: str | None = None) -> PairRequest:
        """Don't let it in.

        Raises:
          Refusal: there is no such request.
        """
        request_id = request_id or (await self.next_request()).id
        self._gateway.now = trio.current_time()
        request = self._gateway.pairing.reject(request_id)
        self._act()
        return request

    async def next_request(self) -> PairRequest:
        """The oldest request of a device that waits for approval; waits for one."""
        pending = self._gateway.devices.pending
        await self.wait_until(lambda: bool(pending))
        return next(iter(pending.values()))

    def remove_device(self, device_id: str) -> None:
        """Know a paired device no more: its connections are closed with 4001.

        Raises:
          Refusal: it was not known.
        """
        self._gateway.now = trio.current_time()
        self._gateway.pairing.remove(device_id)
        self._act()

    def revoke_token(self, device_id: str, role: str = "operator") -> None:
        """Know the token of a device no more: its connections are closed with 4001.

        Raises:
          Refusal: it has none.
        """
        self._gateway.now = trio.current_time()
        self._gateway.pairing.revoke(device_id, role)
        self._act()

    def change_secret(self, secret: str) -> None:
        """Ask for another token or password: who came in with the old one is closed with 4001."""
        self._gateway.change_secret(secret, trio.current_time())
        self._act()

    @abc.abstractmethod
    async def wait_until(self, holds: Callable[[], object]) -> None:
        """Return when it holds."""

    @abc.abstractmethod
    def _act(self) -> None:
        """Have done at once what is due, and written what the gateway wants to say."""

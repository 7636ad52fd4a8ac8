"""Devices as operators see them: who waits, who is paired, whose token is to change."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .devices import Claim, Device, Devices, PairRequest, Reason
from .methods import INVALID_REQUEST, PAIRING, Catalogue, Entry, House, Peer, Refusal
from .params import Shape
from .room import QuietRoom

APPROVE = Shape("device.pair.approve", {"requestId": str})
REJECT = Shape("device.pair.reject", {"requestId": str})
REMOVE = Shape("device.pair.remove", {"deviceId": str})
ROTATE = Shape("device.token.rotate", {"deviceId": str, "role": str}, {"scopes": list})
REVOKE = Shape("device.token.revoke", {"deviceId": str, "role": str})
LIST = Shape("device.pair.list")


class Pairing(QuietRoom):
    """Answers ``device.*``, and tells who waits for approval.

    ``dismiss`` closes the connections of a device; ``proved_by_token`` says whether a peer came in with its token.
    """

    def __init__(
        self,
        house: House,
        devices: Devices,
        dismiss: Callable[[str], None],
        proved_by_token: Callable[[Peer], bool],
    ) -> None:
        super().__init__(house)
        self._devices = devices
        self._dismiss = dismiss
        self._proved_by_token = proved_by_token

    def methods(self) -> Catalogue:
        return {
            "device.pair.list": Entry(self._list, PAIRING),
            "device.pair.approve": Entry(self._approve, PAIRING),
            "device.pair.reject": Entry(self._reject, PAIRING),
            "device.pair.remove": Entry(self._remove, PAIRING),
            "device.token.rotate": Entry(self._rotate, PAIRING),
            "device.token.revoke": Entry(self._revoke, PAIRING),
        }

    def events(self) -> Sequence[str]:
        return ("device.pair.requested", "device.pair.resolved")

    # What the handshake needs.

    def ask(self, claim: Claim, reason: Reason) -> PairRequest:
        """The request of a device that must be approved; operators hear of it if it is new."""
        request, new, former = self._devices.ask(claim, reason, self._house.protocol, self._house.now_ms())
        if former is not None and self._modern:
            self._resolved(former.id, former.claim.device_id, "rejected")
        if new:
            self._house.broadcast("device.pair.requested", request.public(), scope=PAIRING)
        return request

    def admit(self, claim: Claim) -> None:
        """Pair a device of this machine without asking anybody."""
        self._devices.admit(claim, self._house.now_ms(), via="silent")
        self._resolved(self._house.new_id(), claim.device_id, "approved")

    # What operators can do, over the wire or at the gateway's own console.

    def approve(self, request_id: str) -> Device:
        """Let the device of a request in.

        Raises:
          Refusal: there is no such request.
        """
        device = self._devices.approve(request_id, self._house.now_ms())
        if device is None:
            raise Refusal(INVALID_REQUEST, "unknown requestId")
        self._resolved(request_id, device.claim.device_id, "approved")
        return device

    def reject(self, request_id: str) -> PairRequest:
        """Don't.

        Raises:
          Refusal: there is no such request.
        """
        request = self._devices.reject(request_id)
        if request is None:
            raise Refusal(INVALID_REQUEST, "unknown requestId")
        self._resolved(request_id, request.claim.device_id, "rejected")
        return request

    def remove(self, device_id: str) -> None:
        """Know a device no more, and close its connections.

        Raises:
          Refusal: it was not known.
        """
        if self._devices.remove(device_id) is None:
            raise Refusal(INVALID_REQUEST, "unknown deviceId")
        self._house.after(0, lambda: self._dismiss(device_id))

    def revoke(self, device_id: str, role: str) -> None:
        """Know the token of a device no more, and close its connections.

        Raises:
          Refusal: it has none.
        """
        if not self._devices.revoke(device_id, role):
            raise Refusal(INVALID_REQUEST, "unknown deviceId/role")
        self._house.after(0, lambda: self._dismiss(device_id))

    # The methods.

    def _list(self, peer: Peer, params: Mapping[str, Any]) -> Any:
        LIST.check(params)
        newest_first = sorted(self._devices.pending.values(), key=lambda each: each.at_ms, reverse=True)
        return {
            "pending": [request.public() for request in newest_first],
            "paired": [device.public(self._house.protocol) for device in self._devices.paired.values()],
        }

    def _approve(self, peer: Peer, params: Mapping[str, Any]) -> Any:
        APPROVE.check(params)
        device = self.approve(params["requestId"])
        return {"requestId": params["requestId"], "device": device.public(self._house.protocol)}

    def _reject(self, peer: Peer, params: Mapping[str, Any]) -> Any:
        REJECT.check(params)
        request = self.reject(params["requestId"])
        return {"requestId": request.id, "deviceId": request.claim.device_id}

    def _remove(self, peer: Peer, params: Mapping[str, Any]) -> Any:
        REMOVE.check(params)
        self.remove(params["deviceId"])
        return {"deviceId": params["deviceId"]}

    def _rotate(self, peer: Peer, params: Mapping[str, Any]) -> Any:
        ROTATE.check(params)
        device_id, role = params["deviceId"], params["role"]
        token = self._devices.rotate(device_id, role, self._house.now_ms())
        if token is None:
            raise Refusal(INVALID_REQUEST, "unknown deviceId/role")
        self._house.after(0, lambda: self._dismiss(device_id))
        own = peer.device_id == device_id
        handed_over = own and self._proved_by_token(peer)
        delivery = "in-band" if handed_over else "withheld" if own else "withheld-cross-device"
        return {
            "deviceId": device_id,
            "role": role,
            **({"token": token.text} if handed_over else {}),
            "scopes": list(token.scopes),
            "rotatedAtMs": token.rotated_ms,
            **({"tokenDelivery": delivery} if self._modern else {}),
        }

    def _revoke(self, peer: Peer, params: Mapping[str, Any]) -> Any:
        REVOKE.check(params)
        self.revoke(params["deviceId"], params["role"])
        return {"deviceId": params["deviceId"], "role": params["role"], "revokedAtMs": self._house.now_ms()}

    def _resolved(self, request_id: str, device_id: str, decision: str) -> None:
        payload = {
            "requestId": request_id,
            "deviceId": device_id,
            "decision": decision,
            "ts": self._house.now_ms(),
        }
        self._house.broadcast("device.pair.resolved", payload, scope=PAIRING)

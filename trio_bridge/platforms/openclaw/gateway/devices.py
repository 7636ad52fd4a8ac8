"""Devices that were let in for good, those that wait for it, and the tokens that they got.

1. A device has roles and scopes that somebody approved, and for each role a token that stands for them.
2. A device that asks for more waits as a request. While it asks for the same, the request keeps its id; what it asks
   for in another kind supersedes it.
3. A token that was rotated or revoked is known no more. Approving a device anew rotates its token.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import attrs

from .methods import Personality
from .texts import base64url

Reason = Literal["not-paired", "scope-upgrade", "role-upgrade", "metadata-upgrade"]
"""Why a device must be approved."""
Fit = Literal["fits", "mismatch", "scopes"]
"""Whether a device token is the one; ``scopes``: it is, but stands for less than is asked for."""

TOKEN_BYTES = 32


@attrs.frozen(kw_only=True)
class Claim:
    """What a client says of its device, and asks for. The proof was right."""

    device_id: str
    public_key: str
    client: Mapping[str, Any]
    role: str
    scopes: tuple[str, ...]
    address: str | None
    """Where it comes from, if not from this machine."""


@attrs.define(eq=False, kw_only=True)
class DeviceToken:
    """What a device shows instead of the shared secret."""

    role: str
    text: str = attrs.field(repr=False)
    scopes: tuple[str, ...]
    created_ms: int
    rotated_ms: int | None = None

    @property
    def issued_ms(self) -> int:
        return self.rotated_ms or self.created_ms

    def public(self) -> dict[str, Any]:
        rotated = {} if self.rotated_ms is None else {"rotatedAtMs": self.rotated_ms}
        return {"role": self.role, "scopes": list(self.scopes), "createdAtMs": self.created_ms, **rotated}


@attrs.define(eq=False, kw_only=True)
class Device:
    """A device that is paired."""

    claim: Claim
    roles: list[str]
    scopes: list[str]
    created_ms: int
    approved_ms: int
    via: str
    tokens: dict[str, DeviceToken] = attrs.Factory(dict)

    def public(self, protocol: Personality) -> dict[str, Any]:
        """The device as ``device.pair.list`` shows it: without its tokens' text."""
        return {
            **_told(self.claim),
            "roles": list(self.roles),
            "scopes": list(self.scopes),
            **_from(self.claim),
            **({"approvedVia": self.via} if protocol == 4 else {}),
            "createdAtMs": self.created_ms,
            "approvedAtMs": self.approved_ms,
            "tokens": [token.public() for token in self.tokens.values()],
        }


@attrs.define(eq=False, kw_only=True)
class PairRequest:
    """A device that waits for approval."""

    id: str
    claim: Claim
    reason: Reason
    roles: list[str]
    scopes: list[str]
    repair: bool
    at_ms: int

    def public(self) -> dict[str, Any]:
        return {
            "requestId": self.id,
            **_told(self.claim),
            "roles": list(self.roles),
            "scopes": list(self.scopes),
            **_from(self.claim),
            "silent": False,
            "isRepair": self.repair,
            "ts": self.at_ms,
        }


class Devices:
    """What a gateway keeps of devices."""

    def __init__(self, rng: random.Random, new_id: Callable[[], str]) -> None:
        self.paired: dict[str, Device] = {}
        """By device id."""
        self.pending: dict[str, PairRequest] = {}
        """By request id, the oldest first."""
        self.requests: list[PairRequest] = []
        """Every request that there ever was."""
        self._rng = rng
        self._new_id = new_id

    def missing(self, claim: Claim) -> Reason | None:
        """Why this must be approved first; ``None`` if it was."""
        device = self.paired.get(claim.device_id)
        if device is None:
            return "not-paired"
        if any(_changed(device.claim, claim, member) for member in ("platform", "deviceFamily")):
            return "metadata-upgrade"
        if claim.role not in device.roles:
            return "role-upgrade"
        if not set(claim.scopes) <= set(device.scopes):
            return "scope-upgrade"
        return None

    def ask(
        self, claim: Claim, reason: Reason, protocol: Personality, now_ms: int
    ) -> tuple[PairRequest, bool, PairRequest | None]:
        """The request for this claim, whether it is new, and the one that it supersedes."""
        former = next((each for each in self.pending.values() if each.claim.device_id == claim.device_id), None)
        if former is not None and _covers(former, claim, protocol):
            return former, False, None
        if former is not None:
            del self.pending[former.id]
        request = PairRequest(
            id=self._new_id(),
            claim=claim,
            reason=reason,
            roles=_joined(former.roles if former else self._roles_of(claim), [claim.role]),
            scopes=_joined(former.scopes if former else (), claim.scopes),
            repair=claim.device_id in self.paired,
            at_ms=now_ms,
        )
        self.pending[request.id] = request
        self.requests.append(request)
        return request, True, former

    def admit(self, claim: Claim, now_ms: int, *, via: str) -> Device:
        """Pair a device with all that it asks for."""
        return self._pair(claim, [claim.role], claim.scopes, now_ms, via)

    def approve(self, request_id: str, now_ms: int) -> Device | None:
        """Pair the device of a request; ``None`` if there is no such request."""
        request = self.pending.pop(request_id, None)
        if request is None:
            return None
        return self._pair(request.claim, request.roles, request.scopes, now_ms, "owner")

    def reject(self, request_id: str) -> PairRequest | None:
        """Let a request go; ``None`` if there is none."""
        return self.pending.pop(request_id, None)

    def remove(self, device_id: str) -> Device | None:
        """Know a device no more; ``None`` if it was not known."""
        return self.paired.pop(device_id, None)

    def token_of(self, device_id: str, role: str, scopes: Sequence[str], now_ms: int) -> DeviceToken:
        """The token of a device that is let in: the one it has, or a new one."""
        device = self.paired[device_id]
        token = device.tokens.get(role)
        if token is None:
            token = device.tokens[role] = self._new_token(role, scopes, now_ms)
        return token

    def fits(self, device_id: str, text: str, role: str, scopes: Sequence[str]) -> Fit:
        """Whether this is the token of a device, and for what is asked."""
        device = self.paired.get(device_id)
        token = device.tokens.get(role) if device else None
        if token is None or token.text != text:
            return "mismatch"
        return "fits" if set(scopes) <= set(token.scopes) else "scopes"

    def rotate(self, device_id: str, role: str, now_ms: int) -> DeviceToken | None:
        """Another token for a device; ``None`` if it has none to be replaced."""
        device = self.paired.get(device_id)
        token = device.tokens.get(role) if device else None
        if device is None or token is None:
            return None
        fresh = device.tokens[role] = self._new_token(role, token.scopes, token.created_ms, rotated_ms=now_ms)
        return fresh

    def revoke(self, device_id: str, role: str) -> bool:
        """Know a token no more; false if there is none."""
        device = self.paired.get(device_id)
        return device is not None and device.tokens.pop(role, None) is not None

    def _pair(self, claim: Claim, roles: Sequence[str], scopes: Sequence[str], now_ms: int, via: str) -> Device:
        former = self.paired.get(claim.device_id)
        device = self.paired[claim.device_id] = Device(
            claim=claim,
            roles=_joined(former.roles if former else (), roles),
            scopes=_joined(former.scopes if former else (), scopes),
            created_ms=former.created_ms if former else now_ms,
            approved_ms=now_ms,
            via=via,
        )
        known = former.tokens if former else {}
        for role in device.roles:
            token = known.get(role)
            created, rotated = (token.created_ms, now_ms) if token else (now_ms, None)
            device.tokens[role] = self._new_token(role, device.scopes, created, rotated_ms=rotated)
        return device

    def _roles_of(self, claim: Claim) -> Sequence[str]:
        device = self.paired.get(claim.device_id)
        return device.roles if device else ()

    def _new_token(
        self, role: str, scopes: Sequence[str], created_ms: int, *, rotated_ms: int | None = None
    ) -> DeviceToken:
        text = base64url(self._rng.randbytes(TOKEN_BYTES))
        return DeviceToken(
            role=role, text=text, scopes=tuple(sorted(scopes)), created_ms=created_ms, rotated_ms=rotated_ms
        )


def _changed(before: Claim, now: Claim, member: str) -> bool:
    """Whether it says something else about itself than what was approved. What was not said then may be said now."""
    approved = before.client.get(member)
    return bool(approved) and approved != now.client.get(member)


def _covers(request: PairRequest, claim: Claim, protocol: Personality) -> bool:
    """Whether a request that waits stands for this claim too."""
    if claim.role != request.claim.role or not set(claim.scopes) <= set(request.scopes):
        return False
    about = ("platform", "deviceFamily")
    return protocol == 4 or all(claim.client.get(each) == request.claim.client.get(each) for each in about)


def _joined(before: Sequence[str], more: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*before, *more]))


def _told(claim: Claim) -> dict[str, Any]:
    family = claim.client.get("deviceFamily")
    return {
        "deviceId": claim.device_id,
        "publicKey": claim.public_key,
        "platform": claim.client["platform"],
        **({"deviceFamily": family} if family else {}),
        "clientId": claim.client["id"],
        "clientMode": claim.client["mode"],
        "role": claim.role,
    }


def _from(claim: Claim) -> dict[str, Any]:
    return {} if claim.address is None else {"remoteIp": claim.address}

"""How a client is turned away: the answer, its code, the close behind it, in the words of the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .devices import Claim, Devices, PairRequest, Reason
from .methods import INVALID_REQUEST, Personality, Refusal

POLICY_VIOLATION = 1008
TRY_AGAIN_LATER = 1013
REASON_SIZE = 120
"""Bytes of a reason that the gateway puts into a close frame: what is longer is cut off."""
START_RETRY_MS = 500

HINTS: Mapping[Reason, tuple[str, str]] = {
    "not-paired": (
        "device is not approved yet",
        "Approve this device from the pending pairing requests.",
    ),
    "scope-upgrade": (
        "device is asking for more scopes than currently approved",
        "Review the requested scopes, then approve the pending upgrade.",
    ),
    "role-upgrade": (
        "device is asking for a higher role than currently approved",
        "Review the requested role upgrade, then approve the pending request.",
    ),
    "metadata-upgrade": (
        "device identity changed and must be re-approved",
        "Review the refreshed device details, then approve the pending request.",
    ),
}
"""Why a device must be approved, in words, and what to do about it."""


class Rejected(Exception):
    """The client is not let in: an answer, and ``wait`` seconds later than usual; then a close."""

    def __init__(
        self, refusal: Refusal, *, code: int = POLICY_VIOLATION, reason: str | None = None, wait: float = 0.0
    ) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal
        self.code = code
        self.reason = cut(refusal.message if reason is None else reason)
        self.wait = wait


@attrs.frozen(kw_only=True)
class PairingNeeded:
    """The secret was right, but somebody must approve the device."""

    claim: Claim
    reason: Reason

    def rejected(self, request: PairRequest, devices: Devices, protocol: Personality) -> Rejected:
        """What the client is told."""
        words, hint = HINTS[self.reason]
        device = devices.paired.get(self.claim.device_id)
        asked = {"requestedScopes": list(self.claim.scopes)} if self.claim.scopes or protocol == 3 else {}
        approved = {"approvedRoles": list(device.roles), "approvedScopes": list(device.scopes)} if device else {}
        details = {
            "code": "PAIRING_REQUIRED",
            "reason": self.reason,
            "requestId": request.id,
            "remediationHint": hint,
            "deviceId": self.claim.device_id,
            "requestedRole": self.claim.role,
            **asked,
            **(approved if self.reason != "not-paired" else {}),
        }
        text = f"pairing required: {words}"
        return Rejected(Refusal("NOT_PAIRED", text, details=details), reason=f"{text} (requestId: {request.id})")


def cut(reason: str) -> str:
    """As much of a reason as goes into a close frame."""
    return reason.encode()[:REASON_SIZE].decode(errors="ignore")


def not_up_yet() -> Rejected:
    """The gateway is there, and starting."""
    refusal = Refusal(
        "UNAVAILABLE",
        "gateway starting; retry shortly",
        retryable=True,
        retry_after_ms=START_RETRY_MS,
        details={"reason": "startup-sidecars"},
    )
    return Rejected(refusal, code=TRY_AGAIN_LATER, reason="gateway starting")


def advice(params: Mapping[str, Any], method: str, protocol: Personality) -> str:
    """What the gateway advises somebody to do whose secret is missing or wrong."""
    if params["client"]["mode"] != "cli":
        return f"provide gateway auth {method}"
    if protocol == 3:
        return f"set gateway.remote.{method} to match gateway.auth.{method}"
    alternative = " or pair the device" if method == "token" else ""
    return f"use this gateway's gateway.auth.{method}{alternative}"


def denied(
    words: str,
    code: str,
    step: str,
    *,
    second_chance: bool = False,
    retry_after: float | None = None,
    wait: float = 0.0,
) -> Rejected:
    """Its secret is not the one, or not enough."""
    details = {
        "code": code,
        "authReason": code.removeprefix("AUTH_").lower(),
        "canRetryWithDeviceToken": second_chance,
        "recommendedNextStep": step,
    }
    refusal = Refusal(
        INVALID_REQUEST,
        f"unauthorized: {words}",
        details=details,
        retryable=None if retry_after is None else True,
        retry_after_ms=None if retry_after is None else int(retry_after * 1000),
    )
    return Rejected(refusal, wait=wait)


def no_device() -> Rejected:
    """It has no device, and needs one."""
    details = {"code": "DEVICE_IDENTITY_REQUIRED"}
    return Rejected(Refusal("NOT_PAIRED", "device identity required", details=details))

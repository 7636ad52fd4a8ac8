"""What a client says of itself in ``connect``, and whether it is let in.

The checks come in this order, and the first that fails is the answer: parameters, protocol, role, origin, whether the
gateway is up, a device where one is needed, its proof, the secret, pairing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs

from .devices import Claim, Devices, PairRequest, Reason
from .doorkeeper import Doorkeeper, Finding
from .frames import INVALID_REQUEST
from .methods import Personality, Refusal
from .proof import check_proof
from .schema import Anything, Items, Table, Text, Whole, complaint, one_of, texts
from .settings import Settings

POLICY_VIOLATION = 1008
PROTOCOL_ERROR = 1002
TRY_AGAIN_LATER = 1013
REASON_SIZE = 120
"""Bytes of a reason that the gateway puts into a close frame: what is longer is cut off."""
START_RETRY_MS = 500
OLDEST_PROBED = 3
BUILD_ID = "2026.9.6-release-simulated"

BROWSERS = frozenset({"webchat", "webchat-ui", "openclaw-control-ui"})
"""Clients that live in a browser, and so must come from somewhere."""
CLIENT_IDS = (
    *("cli", "gateway-client", "webchat", "webchat-ui", "openclaw-control-ui", "openclaw-browser-copilot"),
    *("openclaw-tui", "openclaw-macos", "openclaw-linux", "openclaw-ios", "openclaw-watchos", "openclaw-android"),
    *("node-host", "openclaw-worker", "test", "fingerprint", "openclaw-probe"),
)
CLIENT_MODES = ("webchat", "cli", "ui", "backend", "node", "worker", "probe", "test")
ROLES = frozenset({"operator", "node"})

CLIENT = Table(
    {"id": one_of(CLIENT_IDS), "version": Text(1), "platform": Text(1), "mode": one_of(CLIENT_MODES)},
    texts("displayName", "deviceFamily", "modelIdentifier", "instanceId", "buildId", "timeZone"),
)
DEVICE = Table(
    {"id": Text(1), "publicKey": Text(1), "signature": Text(1), "signedAt": Whole(0), "nonce": Text(1)},
)
CONNECT = Table(
    {"minProtocol": Whole(1), "maxProtocol": Whole(1), "client": CLIENT},
    {
        "role": Text(1),
        "scopes": Items(Text(1)),
        "caps": Items(),
        "commands": Items(),
        "permissions": Anything(),
        "pathEnv": Text(),
        "device": DEVICE,
        "auth": Table({}, texts("token", "password", "deviceToken", "bootstrapToken")),
        "locale": Text(),
        "userAgent": Text(),
    },
)

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
class Caller:
    """Where a connection comes from."""

    address: str = "127.0.0.1"
    local: bool = True
    """Whether it comes from this machine itself, and through nobody else."""
    origin: str | None = None
    host: str | None = None


@attrs.frozen(kw_only=True)
class Welcome:
    """Who was let in."""

    params: Mapping[str, Any]
    role: str
    scopes: tuple[str, ...]
    method: str
    """How it proved itself: ``token``, ``password``, ``device-token`` or ``none``."""
    claim: Claim | None = None
    """Its device, if it has one that is paired."""
    approved: bool = False
    """Whether the device was paired just now, silently."""


@attrs.define
class Handshake:
    """Judges ``connect`` requests."""

    settings: Settings
    devices: Devices
    doorkeeper: Doorkeeper
    starting: bool = False
    """Whether the gateway is there, and not up yet."""

    def judge(self, params: Any, caller: Caller, nonce: str, now: float, now_ms: int) -> Welcome | PairingNeeded:
        """Let the client in, or say that its device must be approved first.

        Raises:
          Rejected: neither.
        """
        protocol = self.settings.protocol
        if wrong := complaint(CONNECT, params, protocol):
            raise Rejected(Refusal(INVALID_REQUEST, f"invalid connect params: {wrong}"))
        _check_protocol(params, protocol)
        role = params.get("role", "operator")
        if role not in ROLES:
            raise Rejected(Refusal(INVALID_REQUEST, "invalid role"))
        _check_origin(params, caller, protocol)
        if self.starting:
            details = {"reason": "startup-sidecars"}
            text = "gateway starting; retry shortly"
            refusal = Refusal("UNAVAILABLE", text, retryable=True, retry_after_ms=START_RETRY_MS, details=details)
            raise Rejected(refusal, code=TRY_AGAIN_LATER, reason="gateway starting")
        found = self.doorkeeper.check(params.get("auth", {}), caller.address, now)
        if "device" not in params:
            return self._without_device(params, caller, role, found, now)
        try:
            check_proof(params, nonce, now_ms)
        except Refusal as refusal:
            raise Rejected(refusal) from None
        return self._with_device(params, caller, role, found, now)

    def _without_device(
        self, params: Mapping[str, Any], caller: Caller, role: str, found: Finding, now: float
    ) -> Welcome:
        protocol, auth = self.settings.protocol, params.get("auth", {})
        backend = caller.local and params["client"]["id"] == "gateway-client"
        if found.method == "none" and not (backend and protocol == 4):
            raise _no_device()
        if not found.ok:
            if not (auth.get("token") or auth.get("password")):
                raise _no_device()
            raise self._unauthorized(params, caller, found, now)
        self.doorkeeper.passed(caller.address)
        trusted = backend or (protocol == 4 and caller.local and params["client"]["id"] == "cli")
        scopes = tuple(params.get("scopes", ())) if trusted else ()
        return Welcome(params=params, role=role, scopes=scopes, method=found.method)

    def _with_device(
        self, params: Mapping[str, Any], caller: Caller, role: str, found: Finding, now: float
    ) -> Welcome | PairingNeeded:
        device, scopes = params["device"], tuple(params.get("scopes", ()))
        method: str = found.method
        if not found.ok:
            self._check_device_token(params, caller, role, found, now)
            method = "device-token"
        self.doorkeeper.passed(caller.address, device=True)
        if found.ok and caller.local and params["client"]["id"] == "gateway-client":
            return Welcome(params=params, role=role, scopes=scopes, method=method)
        claim = Claim(
            device_id=device["id"],
            public_key=device["publicKey"],
            client=params["client"],
            role=role,
            scopes=scopes,
            address=None if caller.local else caller.address,
        )
        missing = self.devices.missing(claim)
        if missing is not None and not self._silently(missing, caller):
            return PairingNeeded(claim=claim, reason=missing)
        return Welcome(
            params=params, role=role, scopes=scopes, method=method, claim=claim, approved=missing is not None
        )

    def _silently(self, missing: Reason, caller: Caller) -> bool:
        """Whether a client on this machine, who knows the secret, needs nobody's approval."""
        if not caller.local or self.settings.pairing:
            return False
        return missing == "not-paired" or (missing == "scope-upgrade" and self.settings.protocol == 4)

    def _check_device_token(
        self, params: Mapping[str, Any], caller: Caller, role: str, found: Finding, now: float
    ) -> None:
        """The secret did not fit; a device token may."""
        auth, device = params.get("auth", {}), params["device"]["id"]
        shown = auth.get("deviceToken") or auth.get("token")
        if not shown or found.outcome == "rate_limited":
            raise self._unauthorized(params, caller, found, now)
        fit = self.devices.fits(device, shown, role, tuple(params.get("scopes", ())))
        if fit == "scopes" and self.settings.protocol == 4:
            raise _denied(
                "device token scope mismatch (re-pair or approve scope upgrade)",
                "AUTH_SCOPE_MISMATCH",
                "review_auth_configuration",
            )
        if fit == "fits":
            return
        if auth.get("deviceToken") or fit == "scopes":
            raise _denied(
                "device token mismatch (rotate/reissue device token)",
                "AUTH_DEVICE_TOKEN_MISMATCH",
                "update_auth_credentials",
            )
        raise self._unauthorized(params, caller, found, now)

    def _unauthorized(self, params: Mapping[str, Any], caller: Caller, found: Finding, now: float) -> Rejected:
        if found.outcome == "rate_limited":
            return _denied(
                "too many failed authentication attempts (retry later)",
                "AUTH_RATE_LIMITED",
                "wait_then_retry",
                retry_after=found.retry_after,
            )
        missing = found.outcome == "missing"
        device = "device" in params
        wait = 0.0 if missing else self.doorkeeper.failed(caller.address, now, device=device)
        second_chance = device and not missing and found.method == "token"
        step = "update_auth_configuration" if missing else "update_auth_credentials"
        return _denied(
            f"gateway {found.method} {found.outcome} ({_advice(params, found.method, self.settings.protocol)})",
            f"AUTH_{found.method.upper()}_{found.outcome.upper()}",
            "retry_with_device_token" if second_chance else step,
            second_chance=second_chance,
            wait=wait,
        )


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


def _check_protocol(params: Mapping[str, Any], protocol: Personality) -> None:
    low, high = params["minProtocol"], params["maxProtocol"]
    if low <= protocol <= high:
        return
    details: dict[str, Any] = {"expectedProtocol": protocol}
    if protocol == 4:
        details = {
            "code": "PROTOCOL_MISMATCH",
            "clientMinProtocol": low,
            "clientMaxProtocol": high,
            **details,
            "minimumProbeProtocol": OLDEST_PROBED,
        }
    raise Rejected(Refusal(INVALID_REQUEST, "protocol mismatch", details=details), code=PROTOCOL_ERROR)


def _check_origin(params: Mapping[str, Any], caller: Caller, protocol: Personality) -> None:
    browser = params["client"]["id"] in BROWSERS or params["client"]["mode"] == "webchat"
    if caller.origin is None and not browser:
        return
    if caller.origin is None or urlsplit(caller.origin).netloc != caller.host:
        why = "origin missing or invalid" if caller.origin is None else "origin not allowed"
        text = (
            "origin not allowed (open the Control UI from the gateway host or allow it in"
            " gateway.controlUi.allowedOrigins)"
        )
        details = {"code": "CONTROL_UI_ORIGIN_NOT_ALLOWED", "reason": why}
        raise Rejected(Refusal(INVALID_REQUEST, text, details=details))
    if protocol == 4 and params["client"]["id"] == "openclaw-control-ui":
        text = "protocol mismatch: Control UI updated; reload this page to continue"
        reload = {"code": "PROTOCOL_MISMATCH", "gatewayBuildId": BUILD_ID, "reloadRequired": True}
        raise Rejected(Refusal("UNAVAILABLE", text, retryable=False, details=reload))


def _advice(params: Mapping[str, Any], method: str, protocol: Personality) -> str:
    """What the gateway advises somebody to do whose secret is missing or wrong."""
    if params["client"]["mode"] != "cli":
        return f"provide gateway auth {method}"
    if protocol == 3:
        return f"set gateway.remote.{method} to match gateway.auth.{method}"
    alternative = " or pair the device" if method == "token" else ""
    return f"use this gateway's gateway.auth.{method}{alternative}"


def _denied(
    words: str,
    code: str,
    step: str,
    *,
    second_chance: bool = False,
    retry_after: float | None = None,
    wait: float = 0.0,
) -> Rejected:
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


def _no_device() -> Rejected:
    details = {"code": "DEVICE_IDENTITY_REQUIRED"}
    return Rejected(Refusal("NOT_PAIRED", "device identity required", details=details))

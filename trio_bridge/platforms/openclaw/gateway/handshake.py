"""Whether a client is let in.

The checks come in this order, and the first that fails is the answer: parameters, protocol, role, origin, whether the
gateway is up, a device where one is needed, its proof, the secret, pairing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .connecting import Caller, check_connect
from .devices import Claim, Devices, Reason
from .doorkeeper import Doorkeeper, Finding
from .methods import Refusal
from .proof import check_proof
from .rejections import PairingNeeded, Rejected, advice, denied, no_device, not_up_yet
from .settings import Settings


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
        check_connect(params, caller, self.settings.protocol)
        if self.starting:
            raise not_up_yet()
        role = params.get("role", "operator")
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
            raise no_device()
        if not found.ok:
            if not (auth.get("token") or auth.get("password")):
                raise no_device()
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
            raise denied(
                "device token scope mismatch (re-pair or approve scope upgrade)",
                "AUTH_SCOPE_MISMATCH",
                "review_auth_configuration",
            )
        if fit == "fits":
            return
        if auth.get("deviceToken") or fit == "scopes":
            raise denied(
                "device token mismatch (rotate/reissue device token)",
                "AUTH_DEVICE_TOKEN_MISMATCH",
                "update_auth_credentials",
            )
        raise self._unauthorized(params, caller, found, now)

    def _unauthorized(self, params: Mapping[str, Any], caller: Caller, found: Finding, now: float) -> Rejected:
        if found.outcome == "rate_limited":
            return denied(
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
        return denied(
            f"gateway {found.method} {found.outcome} ({advice(params, found.method, self.settings.protocol)})",
            f"AUTH_{found.method.upper()}_{found.outcome.upper()}",
            "retry_with_device_token" if second_chance else step,
            second_chance=second_chance,
            wait=wait,
        )

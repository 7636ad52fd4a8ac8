"""What ``connect`` must look like, which protocol it must speak, and where browsers must come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import attrs

from .methods import INVALID_REQUEST, Personality, Refusal
from .rejections import Rejected
from .schema import Anything, Items, Table, Text, Whole, complaint, one_of, texts

PROTOCOL_ERROR = 1002
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


@attrs.frozen(kw_only=True)
class Caller:
    """Where a connection comes from."""

    address: str = "127.0.0.1"
    local: bool = True
    """Whether it comes from this machine itself, and through nobody else."""
    origin: str | None = None
    host: str | None = None


def check_connect(params: Any, caller: Caller, protocol: Personality) -> None:
    """Return if this can be judged at all.

    Raises:
      Rejected: it is malformed, of another protocol, of no known role, or from elsewhere.
    """
    if wrong := complaint(CONNECT, params, protocol):
        raise Rejected(Refusal(INVALID_REQUEST, f"invalid connect params: {wrong}"))
    _check_protocol(params, protocol)
    if params.get("role", "operator") not in ROLES:
        raise Rejected(Refusal(INVALID_REQUEST, "invalid role"))
    _check_origin(params, caller, protocol)


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

"""What a gateway's refusals and closes mean, as categories: one table, the first row that fits decides.

1. Codes decide, never the words beside them: those are for people, and change with every release.
2. What was answered to a request wins over the close that follows it.
3. What nobody knows is tried again when a connection was lost, and is a mistake of ours when a request was refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import attrs

Category = Literal[
    "transient",  # nobody's fault for long: try again
    "starting",  # the gateway is there, and not ready yet
    "rate_limited",  # it wants to be left alone for as long as it says
    "auth",  # the shared secret is wrong or missing: read it again
    "device_token",  # the token that this device was once given is good no more
    "stale_proof",  # the device's proof was not of this very moment: once more, with a fresh challenge
    "pairing",  # a person must approve this device
    "more_scopes",  # the device's token is good for less than was asked for
    "scope",  # one request needs a scope that the connection was not given
    "incompatible",  # no protocol that both speak
    "misconfigured",  # the same attempt gets the same answer
    "auth_changed",  # while connected: the gateway's secret was edited
    "device_removed",  # while connected: the device's token was replaced or withdrawn, or the device removed
    "slow_reader",  # while connected: we did not read as fast as it wrote
    "too_large",  # a frame of ours was over its limit
]

Moment = Literal["handshake", "open"]
"""Before the gateway said hello, or after."""

STARTING_UP: Final = "startup-sidecars"
PROTOCOL_MISMATCH: Final = "PROTOCOL_MISMATCH"


@attrs.frozen
class Row:
    """One kind of failure. A column that is empty fits everything; words that end with ``*`` fit by their beginning."""

    category: Category
    detail: str = ""
    """``details.code`` of an error, or else ``details.reason``."""
    code: str = attrs.field(default="", kw_only=True)
    """``code`` of an error."""
    close: int | None = attrs.field(default=None, kw_only=True)
    reason: str = attrs.field(default="", kw_only=True)
    """The close's reason. Gateways cut it to 123 bytes."""
    status: int | None = attrs.field(default=None, kw_only=True)
    """The HTTP status that the upgrade was answered with."""
    moment: Moment | None = attrs.field(default=None, kw_only=True)


def _each(category: Category, *details: str) -> tuple[Row, ...]:
    return tuple(Row(category, detail) for detail in details)


TABLE: Final[tuple[Row, ...]] = (
    # What an error says about itself.
    Row("starting", STARTING_UP),
    *_each("incompatible", PROTOCOL_MISMATCH, "CONTROL_UI_BUILD_MISMATCH", "CLIENT_VERSION_MISMATCH"),
    Row("misconfigured", "CONTROL_UI_ORIGIN_NOT_ALLOWED"),
    *_each("auth", "AUTH_TOKEN_MISMATCH", "AUTH_TOKEN_MISSING", "AUTH_PASSWORD_MISMATCH", "AUTH_PASSWORD_MISSING"),
    *_each("auth", "AUTH_REQUIRED", "AUTH_UNAUTHORIZED", "AUTH_BOOTSTRAP_TOKEN_INVALID", "AUTH_TAILSCALE_*"),
    *_each("auth", "AUTH_IDENTITY_HEADER_REQUIRED", "AUTH_VERIFIED_USER_REQUIRED"),
    # It is the gateway that lacks its secret.
    *_each("misconfigured", "AUTH_TOKEN_NOT_CONFIGURED", "AUTH_PASSWORD_NOT_CONFIGURED"),
    Row("transient", "AUTHENTICATED_PROFILE_UNAVAILABLE"),
    Row("device_token", "AUTH_DEVICE_TOKEN_MISMATCH"),
    Row("more_scopes", "AUTH_SCOPE_MISMATCH"),
    Row("rate_limited", "AUTH_RATE_LIMITED"),
    *_each("misconfigured", "DEVICE_IDENTITY_REQUIRED", "CONTROL_UI_DEVICE_IDENTITY_REQUIRED"),
    *_each("stale_proof", "DEVICE_AUTH_SIGNATURE_EXPIRED", "DEVICE_AUTH_NONCE_MISMATCH", "DEVICE_AUTH_NONCE_REQUIRED"),
    # A bug of ours, or a damaged key: pairing again would only hide it.
    Row("misconfigured", "DEVICE_AUTH_*"),
    Row("pairing", "PAIRING_REQUIRED"),
    Row("scope", "MISSING_SCOPE"),
    # What a close says. Some are understood whatever came before it.
    Row("misconfigured", status=403),  # by way of a proxy that the gateway does not trust
    Row("incompatible", close=1002, moment="handshake"),
    Row("starting", close=1013, moment="handshake"),
    Row("pairing", code="NOT_PAIRED"),
    Row("transient", code="UNAVAILABLE"),
    Row("too_large", close=1009),
    Row("auth_changed", close=4001, reason="gateway auth changed"),
    Row("device_removed", close=4001, reason="device removed"),
    Row("slow_reader", close=1008, reason="slow consumer"),
    Row("auth", close=1008, reason="unauthorized*"),
    Row("pairing", close=1008, reason="pairing required*"),
    Row("misconfigured", close=1008),  # "repeated unauthorized calls", "invalid request frame" and what is to come
    # Refused without a reason that a program could read: the parameters, the role, the order of frames.
    Row("misconfigured", code="*"),
)


def category_of(
    *,
    code: str = "",
    details: Any = None,
    close: int | None = None,
    reason: str = "",
    status: int | None = None,
    moment: Moment = "handshake",
) -> Category:
    """What a failure means, by what is known of it. What nobody knows is transient."""
    detail = detail_of(details)
    for row in TABLE:
        if (
            _fits(row.detail, detail)
            and _fits(row.code, code)
            and row.close in (None, close)
            and _fits(row.reason, reason)
            and row.status in (None, status)
            and row.moment in (None, moment)
        ):
            return row.category
    return "transient"


def detail_of(details: Any) -> str:
    """What the details of an error call it. Empty where they don't.

    Gateways of protocol 3 name a mismatch of protocols by nothing but the protocol that they expect.
    """
    if not isinstance(details, Mapping):
        return ""
    for name in ("code", "reason"):
        if isinstance(said := details.get(name), str) and said:
            return said
    return PROTOCOL_MISMATCH if "expectedProtocol" in details else ""


def _fits(pattern: str, said: str) -> bool:
    if pattern.endswith("*"):
        return bool(said) and said.startswith(pattern.removesuffix("*"))
    return not pattern or pattern == said

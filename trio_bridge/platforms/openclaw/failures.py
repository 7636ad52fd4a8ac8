"""What follows from a gateway's refusals and closes: the error that tells the caller what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ...errors import (
    AccountRefused,
    BridgeError,
    ConnectionLost,
    HandshakeFailed,
    PeerClosed,
    PeerStarting,
    RateLimited,
    RefusalKind,
    RequestFailed,
)
from ...transport.websocket import UpgradeRefused
from .access.pairing import Pairing
from .codes import PROTOCOL_MISMATCH, Category, category_of, detail_of
from .frames import LONGEST_CODE, WireError

PROTOCOLS: Final = (3, 4)
"""The oldest and the newest protocol that we speak."""

NEW_CREDENTIALS: Final = 1.0
"""Seconds to wait where others are to be used: whoever edits a secret here and there does not do it in one moment."""

LONGEST_RESTART: Final = 300.0
"""A gateway that wants to be away for longer is asked again after 5 minutes."""

SERVER_TROUBLE: Final = 500
"""HTTP statuses from here on are the server's own trouble."""

_WORDS: Final = 300
"""Characters of a gateway's own words that are repeated."""

_KINDS: Final[Mapping[Category, RefusalKind]] = {
    "auth": "auth",
    "device_token": "auth",
    "pairing": "pairing",
    "more_scopes": "pairing",
    "incompatible": "incompatible",
    "misconfigured": "misconfigured",
    "scope": "misconfigured",
    "stale_proof": "misconfigured",
    "too_large": "misconfigured",
}
"""A login that failed so is a refusal. Every other one is to be tried again."""

_BY_DETAIL: Final[Mapping[str, str]] = {
    "AUTH_TOKEN_MISMATCH": "the secret is not the gateway's gateway.auth.token",
    "AUTH_TOKEN_MISSING": "the gateway wants a token, and there is none: set token",
    "AUTH_PASSWORD_MISMATCH": "password is not the gateway's gateway.auth.password",
    "AUTH_PASSWORD_MISSING": "the gateway wants a password, and there is none: set password",
    "AUTH_TOKEN_NOT_CONFIGURED": "the gateway has no token to compare ours with: set its gateway.auth.token",
    "AUTH_PASSWORD_NOT_CONFIGURED": "the gateway has no password to compare ours with: set its gateway.auth.password",
    "AUTH_DEVICE_TOKEN_MISMATCH": "the token that the gateway gave this device is good no more: set token or password",
    "CONTROL_UI_ORIGIN_NOT_ALLOWED": "the gateway takes us for a browser: something on the way adds an Origin",
}
_BY_CATEGORY: Final[Mapping[Category, str]] = {
    "auth": "the gateway refused the credentials",
    "more_scopes": "this device's token is good for fewer scopes than are asked for: ask for fewer, or set token or "
    "password",
    "stale_proof": "the gateway takes the device's proof for an old one, twice: something on the way repeats or holds "
    "back what it says",
    "too_large": "what we say to log in is too large for the gateway: ask for fewer scopes",
    "starting": "the gateway is starting",
    "rate_limited": "the gateway refuses all logins for a while, because too many failed",
    "transient": "the gateway did not let us in",
    "auth_changed": "the gateway's credentials were changed",
    "device_removed": "the gateway replaced or withdrew this device's token, or removed the device",
    "slow_reader": "the gateway closed, because we read too slowly",
}


def connect_failure(error: WireError | None, close: PeerClosed | None = None) -> BridgeError:
    """Why a login failed: what was answered, and the close that came instead of an answer or behind it."""
    category = login_category(error, close)
    text = _explained(category, error, close)
    hint = None if error is None else error.retry_after
    match category:
        case "starting":
            return PeerStarting(text, retry_after=hint)
        case "rate_limited":
            return RateLimited(text, retry_after=hint)
    if (kind := _KINDS.get(category)) is None:
        # A login, not a run: a gateway that lets nobody in is tried as often as one that is not there.
        return HandshakeFailed(text, stage="login", retry_after=hint)
    details = None if error is None else error.details
    return AccountRefused(text, kind=kind, code=_code(error, close), details=details)


def login_category(error: WireError | None, close: PeerClosed | None) -> Category:
    """The category of a login that failed."""
    return category_of(
        code="" if error is None else error.code,
        details=None if error is None else error.details,
        close=None if close is None else close.code,
        reason="" if close is None else close.reason,
    )


def close_category(close: PeerClosed) -> Category:
    """The category of a close behind the hello."""
    return category_of(close=close.code, reason=close.reason, moment="open")


def close_meaning(close: PeerClosed, *, restart_hint: float | None) -> BridgeError:
    """Why a gateway closed a connection that it had let in. ``restart_hint``: the seconds it wanted to be away."""
    match category := close_category(close):
        case "auth_changed" | "device_removed":
            return ConnectionLost(_explained(category, None, close), retry_after=NEW_CREDENTIALS)
        case "slow_reader":
            return ConnectionLost(_explained(category, None, close))
        case "too_large":
            return ConnectionLost(f"a request of ours was too large for the gateway ({_seen(None, close)})")
        case "misconfigured":
            text = f"the gateway will have no more of what we do ({_seen(None, close)})"
            return AccountRefused(text, kind="misconfigured", code=str(close.code))
        case "auth" | "pairing":
            return AccountRefused(_explained(category, None, close), kind=category, code=str(close.code))
    if restart_hint is None:
        return close
    return PeerClosed(close.code, close.reason, retry_after=min(restart_hint, LONGEST_RESTART))


def upgrade_failure(refused: UpgradeRefused, *, gateway: str) -> BridgeError:
    """Why there is not even a WebSocket. A gateway takes any path, so that what refuses one is hardly a gateway."""
    if category_of(status=refused.status) == "misconfigured":
        text = f"{refused}: the gateway does not trust the proxy between us (its gateway.trustedProxies)"
        return AccountRefused(text, kind="misconfigured", code=str(refused.status))
    hint = "" if refused.status >= SERVER_TROUBLE else f": is {gateway} an OpenClaw Gateway?"
    return HandshakeFailed(
        f"{refused}{hint}", stage=refused.stage, status=refused.status, retry_after=refused.retry_after
    )


def foreign_hello(protocol: int) -> AccountRefused:
    """Why a gateway that let us in is left again: it goes on in a protocol that was not among those we named."""
    return AccountRefused(speaks(protocol), kind="incompatible", code=PROTOCOL_MISMATCH)


def speaks(protocol: Any) -> str:
    """A mismatch of protocols, in words. ``protocol`` is the gateway's, if it is any."""
    spoken = str(protocol) if isinstance(protocol, int) and 0 <= protocol < 1000 else "another protocol"
    oldest, newest = PROTOCOLS
    return f"this gateway speaks {spoken}, we speak {oldest}-{newest}"


def request_failure(method: str, error: WireError | None, payload: Any = None) -> BridgeError:
    """Why a request was answered with no: by an error, by a payload that holds one, or by both."""
    said = payload if isinstance(payload, Mapping) else None
    if error is None:
        words = _one_line(said.get("error") if said is not None else None) or "it did not say why"
        return RequestFailed(f"{method}: {words}", method=method, payload=said)
    text = f"{method}: {_seen(error, None)}"
    is_limited = category_of(code=error.code, details=error.details) == "rate_limited"
    if is_limited or (error.retryable and said is None):  # a request that was carried out is answered with its payload
        return RateLimited(text, retry_after=error.retry_after)
    return RequestFailed(
        text,
        code=error.code,
        details=error.details,
        method=method,
        retry_after=error.retry_after,
        payload=said,
    )


def _explained(category: Category, error: WireError | None, close: PeerClosed | None) -> str:
    """What is wrong and what to do, in our words; then what the gateway said."""
    detail = detail_of(None if error is None else error.details)
    match category:
        case "pairing":
            ours = str(Pairing.of(None if error is None else error.details))
        case "incompatible":
            ours = _mismatch(detail, error)
        case "misconfigured" | "scope":
            ours = _BY_DETAIL.get(detail, "the gateway did not take how we asked to be let in")
        case _:
            ours = _BY_DETAIL.get(detail) or _BY_CATEGORY[category]
    return f"{ours} ({_seen(error, close)})"


def _mismatch(detail: str, error: WireError | None) -> str:
    if detail not in ("", PROTOCOL_MISMATCH):
        return "the gateway wants another version of its own client"
    return speaks(error.details.get("expectedProtocol") if error and isinstance(error.details, Mapping) else None)


def _code(error: WireError | None, close: PeerClosed | None) -> str:
    """What programs know the failure by."""
    if error is not None:
        return (detail_of(error.details) or error.code)[:LONGEST_CODE]
    return "" if close is None else str(close.code)


def _seen(error: WireError | None, close: PeerClosed | None) -> str:
    """The gateway's own words, short and on one line."""
    if error is not None:
        said = (error.code, detail_of(error.details), error.message)
        return " ".join(filter(None, map(_one_line, said))) or "no reason"
    if close is not None:
        return f"closed with {close.code} {_one_line(close.reason)}".rstrip()
    return "no answer"


def _one_line(words: Any) -> str:
    if not isinstance(words, str):
        return ""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in words[:_WORDS]).split())

"""What follows from a gateway's no: the error, its words, how long to wait."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.errors import (
    AccountRefused,
    BridgeError,
    ConnectionLost,
    HandshakeFailed,
    PeerClosed,
    PeerStarting,
    RateLimited,
    RequestFailed,
)
from trio_bridge.platforms.openclaw.failures import close_meaning, connect_failure, request_failure
from trio_bridge.platforms.openclaw.frames import WireError, error_of

REQUEST = "838b73bf-95fc-4734-b4bb-465b92127540"


def refused(details: Any, code: str = "INVALID_REQUEST", **more: Any) -> BridgeError:
    return connect_failure(error_of({"code": code, "message": "its own words", "details": details, **more}))


@pytest.mark.parametrize(
    ("detail", "kind", "words"),
    [
        ("AUTH_TOKEN_MISMATCH", "auth", "the secret is not the gateway's gateway.auth.token"),
        ("AUTH_TOKEN_MISSING", "auth", "set token"),
        ("AUTH_PASSWORD_MISMATCH", "auth", "password is not"),
        ("AUTH_PASSWORD_MISSING", "auth", "set password"),
        ("AUTH_UNAUTHORIZED", "auth", "refused the credentials"),
        ("AUTH_DEVICE_TOKEN_MISMATCH", "auth", "good no more"),
        ("AUTH_TOKEN_NOT_CONFIGURED", "misconfigured", "set its gateway.auth.token"),
        ("AUTH_PASSWORD_NOT_CONFIGURED", "misconfigured", "set its gateway.auth.password"),
        ("AUTH_SCOPE_MISMATCH", "pairing", "fewer scopes"),
        ("CONTROL_UI_ORIGIN_NOT_ALLOWED", "misconfigured", "adds an Origin"),
        ("DEVICE_AUTH_SIGNATURE_INVALID", "misconfigured", "how we asked"),
        ("DEVICE_AUTH_SIGNATURE_EXPIRED", "misconfigured", "old one, twice"),
        ("CLIENT_VERSION_MISMATCH", "incompatible", "another version of its own client"),
    ],
)
def test_a_refusal_says_what_to_do_and_what_was_said(detail: str, kind: str, words: str) -> None:
    error = refused({"code": detail})
    assert isinstance(error, AccountRefused)
    assert (error.kind, error.code) == (kind, detail)
    assert words in str(error)
    assert str(error).endswith(f"(INVALID_REQUEST {detail} its own words)")


def test_what_a_gateway_recommends_is_kept_as_it_is() -> None:
    details = {"code": "AUTH_TOKEN_MISMATCH", "recommendedNextStep": "retry_with_device_token"}
    error = refused(details)
    assert isinstance(error, AccountRefused)
    assert error.details == details


@pytest.mark.parametrize(
    ("details", "speaks"),
    [
        ({"code": "PROTOCOL_MISMATCH", "expectedProtocol": 5, "clientMinProtocol": 3}, "this gateway speaks 5,"),
        ({"expectedProtocol": 2}, "this gateway speaks 2,"),
        ({"code": "PROTOCOL_MISMATCH", "gatewayBuildId": "x"}, "this gateway speaks another protocol,"),
        ({"expectedProtocol": 10**30}, "this gateway speaks another protocol,"),
        ({"expectedProtocol": "five"}, "this gateway speaks another protocol,"),
    ],
)
def test_a_mismatch_names_both_ranges(details: dict[str, Any], speaks: str) -> None:
    error = refused(details)
    assert isinstance(error, AccountRefused)
    assert error.kind == "incompatible"
    assert str(error).startswith(f"{speaks} we speak 3-4")


def test_a_mismatch_of_which_only_the_close_is_seen() -> None:
    error = connect_failure(None, PeerClosed(1002, "protocol mismatch"))
    assert isinstance(error, AccountRefused)
    assert (error.kind, error.code) == ("incompatible", "1002")


def test_pairing_names_the_request_and_the_command() -> None:
    error = refused({"code": "PAIRING_REQUIRED", "reason": "not-paired", "requestId": REQUEST}, "NOT_PAIRED")
    assert isinstance(error, AccountRefused)
    assert (error.kind, error.code) == ("pairing", "PAIRING_REQUIRED")
    assert f"openclaw devices approve {REQUEST}" in str(error)


def test_the_id_of_a_request_is_never_taken_from_the_close() -> None:
    """It is cut in half there."""
    error = connect_failure(None, PeerClosed(1008, f"pairing required: not approved (requestId: {REQUEST[:20]}"))
    assert isinstance(error, AccountRefused)
    assert error.kind == "pairing"
    assert "devices approve" not in str(error)


@pytest.mark.parametrize(
    ("milliseconds", "seconds"),
    [(500, 0.5), (299_996, 299.996), (0, 0), (10**18, 86_400), (1e300, 86_400)]
    + [(hostile, None) for hostile in (-1, "500", float("nan"), True, [500], {"x": 1}, None)],
)
def test_the_wait_stands_beside_the_details(milliseconds: Any, seconds: float | None) -> None:
    starting = refused({"reason": "startup-sidecars"}, "UNAVAILABLE", retryable=True, retryAfterMs=milliseconds)
    assert isinstance(starting, PeerStarting)
    assert starting.retry_after == seconds
    limited = refused({"code": "AUTH_RATE_LIMITED", "retryAfterMs": 7}, retryable=True, retryAfterMs=milliseconds)
    assert isinstance(limited, RateLimited)
    assert limited.retry_after == seconds


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 1012, 4711])
def test_a_close_that_says_nothing_about_us_is_tried_again(code: int) -> None:
    error = connect_failure(None, PeerClosed(code))
    assert isinstance(error, HandshakeFailed)
    assert f"closed with {code}" in str(error)


def test_a_wait_of_more_digits_than_a_float_has() -> None:
    error = refused({"reason": "startup-sidecars"}, "UNAVAILABLE", retryAfterMs=10**400)
    assert isinstance(error, PeerStarting)
    assert error.retry_after == 86_400


# Behind the hello


@pytest.mark.parametrize("reason", ["gateway auth changed", "device removed"])
def test_other_credentials_are_used_after_a_second(reason: str) -> None:
    error = close_meaning(PeerClosed(4001, reason), restart_hint=60)
    assert type(error) is ConnectionLost
    assert error.retry_after == 1


@pytest.mark.parametrize(("hint", "waits"), [(None, None), (1.5, 1.5), (0.0, 0.0), (86_400.0, 300.0)])
def test_a_restart_takes_as_long_as_was_announced_within_reason(hint: float | None, waits: float | None) -> None:
    error = close_meaning(PeerClosed(1012, "service restart"), restart_hint=hint)
    assert isinstance(error, PeerClosed)
    assert (error.code, error.reason, error.retry_after) == (1012, "service restart", waits)


@pytest.mark.parametrize(
    ("code", "reason", "words"),
    [
        (1008, "slow consumer", "we read too slowly"),
        (1009, "", "too large"),
        (4000, "tick timeout", "4000 tick timeout"),
        (1006, "", "1006"),
        (1013, "", "1013"),
    ],
)
def test_other_closes_are_losses(code: int, reason: str, words: str) -> None:
    error = close_meaning(PeerClosed(code, reason), restart_hint=None)
    assert isinstance(error, ConnectionLost)
    assert error.retry_after is None
    assert words in str(error)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [("repeated unauthorized calls", "misconfigured"), ("unauthorized: x", "auth"), ("pairing required: x", "pairing")],
)
def test_a_close_that_is_a_refusal(reason: str, kind: str) -> None:
    error = close_meaning(PeerClosed(1008, reason), restart_hint=None)
    assert isinstance(error, AccountRefused)
    assert (error.kind, error.code) == (kind, "1008")
    assert reason in str(error)


# Requests


def test_an_error_alone() -> None:
    wire = WireError("INVALID_REQUEST", "missing scope: operator.admin", {"missingScope": "operator.admin"})
    error = request_failure("sessions.delete", wire, None)
    assert isinstance(error, RequestFailed)
    assert (error.code, error.method, error.payload) == ("INVALID_REQUEST", "sessions.delete", None)
    assert error.details == {"missingScope": "operator.admin"}
    assert str(error) == "sessions.delete: INVALID_REQUEST missing scope: operator.admin"


def test_an_error_and_a_payload() -> None:
    payload = {"runId": "r", "status": "error", "summary": "Agent failed"}
    error = request_failure("chat.send", WireError("UNAVAILABLE", "Agent failed", None, True, 2.0), payload)
    assert isinstance(error, RequestFailed), "it was carried out: a later one would run it again"
    assert (error.code, error.retry_after, error.payload) == ("UNAVAILABLE", 2.0, payload)


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ({"error": "the plugin is off"}, "p.do: the plugin is off"),
        ({"error": {"x": 1}}, "p.do: it did not say why"),
        ({}, "p.do: it did not say why"),
        (["x"], "p.do: it did not say why"),
        (None, "p.do: it did not say why"),
    ],
)
def test_a_payload_alone(payload: Any, words: str) -> None:
    error = request_failure("p.do", None, payload)
    assert isinstance(error, RequestFailed)
    assert (str(error), error.code) == (words, "")
    assert error.payload == (payload if isinstance(payload, dict) else None)


@pytest.mark.parametrize(
    "error",
    [
        WireError("UNAVAILABLE", "the queue is full", None, True, 0.5),
        WireError("INVALID_REQUEST", "too many", {"code": "AUTH_RATE_LIMITED"}, False, 0.5),
    ],
)
def test_what_was_not_begun_may_be_asked_again_later(error: WireError) -> None:
    limited = request_failure("agents.list", error, None)
    assert isinstance(limited, RateLimited)
    assert limited.retry_after == 0.5


def test_words_of_a_gateway_are_short_and_on_one_line() -> None:
    error = request_failure("x", WireError("BAD\x1b[31m", "a\nb\u202e" + "c" * 5000))
    assert len(str(error)) < 700
    assert str(error).isprintable()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["code", "reason", "requestId", "expectedProtocol", "error", "message", "retryable"])
            | st.sampled_from(["details", "retryAfterMs"]),
            inner,
            max_size=5,
        )
    ),
)
closes = st.none() | st.builds(PeerClosed, st.sampled_from([1000, 1002, 1008, 1009, 1013, 4001]), st.text())


@given(anything, closes, anything)
def test_nothing_else_is_raised(said: Any, close: PeerClosed | None, payload: Any) -> None:
    error = None if said is None else error_of(said)
    assert isinstance(connect_failure(error, close), BridgeError)
    assert isinstance(request_failure("x", error, payload), BridgeError)
    if close is not None:
        assert isinstance(close_meaning(close, restart_hint=None), BridgeError)

"""Every way in which a gateway says no falls into its category: the rows as people know them, and as two said them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.errors import PeerClosed
from trio_bridge.platforms.openclaw.codes import TABLE, category_of, detail_of
from trio_bridge.platforms.openclaw.failures import close_category, login_category
from trio_bridge.platforms.openclaw.frames import error_of

RECORDED = Path(__file__).parents[2] / "data" / "openclaw" / "refusals.jsonl"
REFUSALS = [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]

UNAUTHORIZED = (1008, "unauthorized: whatever it says")

# The error's code, what its details hold, the close behind it: what that means before the hello.
LOGINS: list[tuple[str, dict[str, Any], tuple[int, str], str]] = [
    ("UNAVAILABLE", {"reason": "startup-sidecars"}, (1013, "gateway starting"), "starting"),
    ("UNAVAILABLE", {}, (1013, "gateway starting"), "starting"),
    ("UNAVAILABLE", {}, (1008, ""), "transient"),
    (
        "INVALID_REQUEST",
        {"code": "PROTOCOL_MISMATCH", "expectedProtocol": 4},
        (1002, "protocol mismatch"),
        "incompatible",
    ),
    ("INVALID_REQUEST", {"expectedProtocol": 3}, (1008, ""), "incompatible"),
    ("INVALID_REQUEST", {}, (1002, "protocol mismatch"), "incompatible"),
    ("UNAVAILABLE", {"code": "PROTOCOL_MISMATCH", "reloadRequired": True}, (1008, ""), "incompatible"),
    ("INVALID_REQUEST", {"code": "CONTROL_UI_BUILD_MISMATCH"}, (1008, ""), "incompatible"),
    ("INVALID_REQUEST", {"code": "CLIENT_VERSION_MISMATCH"}, (1008, ""), "incompatible"),
    ("INVALID_REQUEST", {}, (1008, "invalid connect params: at root"), "misconfigured"),
    ("INVALID_REQUEST", {}, (1008, "invalid role"), "misconfigured"),
    ("INVALID_REQUEST", {"code": "CONTROL_UI_ORIGIN_NOT_ALLOWED", "reason": "x"}, (1008, ""), "misconfigured"),
    ("INVALID_REQUEST", {"code": "AUTH_TOKEN_MISMATCH"}, UNAUTHORIZED, "auth"),
    ("INVALID_REQUEST", {"code": "AUTH_TOKEN_MISSING"}, UNAUTHORIZED, "auth"),
    ("INVALID_REQUEST", {"code": "AUTH_PASSWORD_MISSING"}, UNAUTHORIZED, "auth"),
    ("INVALID_REQUEST", {"code": "AUTH_PASSWORD_MISMATCH"}, UNAUTHORIZED, "auth"),
    ("INVALID_REQUEST", {"code": "AUTH_REQUIRED"}, (1008, ""), "auth"),
    ("INVALID_REQUEST", {"code": "AUTH_UNAUTHORIZED"}, (1008, ""), "auth"),
    ("INVALID_REQUEST", {"code": "AUTH_BOOTSTRAP_TOKEN_INVALID"}, (1008, ""), "auth"),
    ("INVALID_REQUEST", {"code": "AUTH_TAILSCALE_IDENTITY_MISSING"}, (1008, ""), "auth"),
    ("INVALID_REQUEST", {"code": "AUTH_TAILSCALE_WHOIS_FAILED"}, (1008, ""), "auth"),
    ("INVALID_REQUEST", {"code": "AUTH_IDENTITY_HEADER_REQUIRED"}, (1008, ""), "auth"),
    ("INVALID_REQUEST", {"code": "AUTH_VERIFIED_USER_REQUIRED"}, (1008, ""), "auth"),
    ("INVALID_REQUEST", {"code": "AUTH_TOKEN_NOT_CONFIGURED"}, UNAUTHORIZED, "misconfigured"),
    ("INVALID_REQUEST", {"code": "AUTH_PASSWORD_NOT_CONFIGURED"}, UNAUTHORIZED, "misconfigured"),
    ("INVALID_REQUEST", {"code": "AUTHENTICATED_PROFILE_UNAVAILABLE"}, (1008, ""), "transient"),
    ("INVALID_REQUEST", {"code": "AUTH_DEVICE_TOKEN_MISMATCH"}, UNAUTHORIZED, "device_token"),
    ("INVALID_REQUEST", {"code": "AUTH_SCOPE_MISMATCH"}, UNAUTHORIZED, "more_scopes"),
    ("INVALID_REQUEST", {"code": "AUTH_RATE_LIMITED"}, UNAUTHORIZED, "rate_limited"),
    ("NOT_PAIRED", {"code": "DEVICE_IDENTITY_REQUIRED"}, (1008, ""), "misconfigured"),
    ("NOT_PAIRED", {"code": "CONTROL_UI_DEVICE_IDENTITY_REQUIRED"}, (1008, ""), "misconfigured"),
    ("INVALID_REQUEST", {"code": "DEVICE_AUTH_SIGNATURE_EXPIRED", "reason": "x"}, (1008, ""), "stale_proof"),
    ("INVALID_REQUEST", {"code": "DEVICE_AUTH_NONCE_MISMATCH", "reason": "x"}, (1008, ""), "stale_proof"),
    ("INVALID_REQUEST", {"code": "DEVICE_AUTH_NONCE_REQUIRED", "reason": "x"}, (1008, ""), "stale_proof"),
    ("INVALID_REQUEST", {"code": "DEVICE_AUTH_SIGNATURE_INVALID"}, (1008, ""), "misconfigured"),
    ("INVALID_REQUEST", {"code": "DEVICE_AUTH_DEVICE_ID_MISMATCH"}, (1008, ""), "misconfigured"),
    ("INVALID_REQUEST", {"code": "DEVICE_AUTH_PUBLIC_KEY_INVALID"}, (1008, ""), "misconfigured"),
    ("INVALID_REQUEST", {"code": "DEVICE_AUTH_INVALID"}, (1008, ""), "misconfigured"),
    ("NOT_PAIRED", {"code": "PAIRING_REQUIRED", "reason": "not-paired"}, (1008, "pairing required"), "pairing"),
    ("NOT_PAIRED", {}, (1008, ""), "pairing"),
    ("INVALID_REQUEST", {}, (1008, "unauthorized: of an older gateway"), "auth"),
    ("INVALID_REQUEST", {}, (1008, "pairing required: of an older gateway"), "pairing"),
    ("SOMETHING_NEW", {}, (1008, ""), "misconfigured"),
    ("FORBIDDEN", {"code": "SOMETHING_NEW"}, (4007, ""), "misconfigured"),
]
# The same without an error: only the close was seen.
CLOSED_LOGINS = [
    (1000, "", "transient"),
    (1001, "", "transient"),
    (1002, "protocol mismatch", "incompatible"),
    (1006, "", "transient"),
    (1008, "invalid request frame", "misconfigured"),
    (1008, "unauthorized: gateway token mismatch", "auth"),
    (1008, "pairing required: device is not approved yet (requestId: 99f365fe-1b27-4be9-9ba7-270233992", "pairing"),
    (1009, "", "too_large"),
    (1011, "", "transient"),
    (1012, "service restart", "transient"),
    (1013, "gateway starting", "starting"),
    (4711, "something new", "transient"),
]
# And behind the hello.
CLOSES = [
    (1000, "", "transient"),
    (1001, "", "transient"),
    (1002, "", "transient"),
    (1006, "", "transient"),
    (1008, "slow consumer", "slow_reader"),
    (1008, "repeated unauthorized calls", "misconfigured"),
    (1008, "unauthorized: something", "auth"),
    (1008, "pairing required: something", "pairing"),
    (1008, "something new", "misconfigured"),
    (1009, "", "too_large"),
    (1011, "", "transient"),
    (1012, "service restart", "transient"),
    (1013, "", "transient"),
    (4000, "tick timeout", "transient"),
    (4001, "gateway auth changed", "auth_changed"),
    (4001, "device removed", "device_removed"),
    (4001, "something new", "transient"),
]


@pytest.mark.parametrize(("code", "details", "close", "category"), LOGINS)
def test_a_refused_login(code: str, details: dict[str, Any], close: tuple[int, str], category: str) -> None:
    assert login_category(error_of({"code": code, "message": "", "details": details}), PeerClosed(*close)) == category
    if category != "incompatible" and (details or code in ("UNAVAILABLE", "NOT_PAIRED")) and close[0] == 1008:
        without = login_category(error_of({"code": code, "message": "", "details": details}), None)
        assert without == category, "what was answered is enough"


@pytest.mark.parametrize(("code", "reason", "category"), CLOSED_LOGINS)
def test_a_login_that_ends_in_a_close(code: int, reason: str, category: str) -> None:
    assert login_category(None, PeerClosed(code, reason)) == category


@pytest.mark.parametrize(("code", "reason", "category"), CLOSES)
def test_a_close_behind_the_hello(code: int, reason: str, category: str) -> None:
    assert close_category(PeerClosed(code, reason)) == category


@pytest.mark.parametrize(("status", "category"), [(403, "misconfigured"), (500, "transient"), (404, "transient")])
def test_a_refused_upgrade(status: int, category: str) -> None:
    assert category_of(status=status) == category


@pytest.mark.parametrize("code", ["FORBIDDEN", "INVALID_REQUEST"])
def test_a_scope_that_one_request_lacks(code: str) -> None:
    assert category_of(code=code, details={"code": "MISSING_SCOPE", "missingScope": "operator.admin"}) == "scope"


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: f"{refusal['gateway']}/{refusal['case']}")
def test_what_two_gateways_said(refusal: dict[str, Any]) -> None:
    error = error_of(refusal["error"]) if "error" in refusal else None
    close = PeerClosed(refusal["close"]["code"], refusal["close"]["reason"])
    assert login_category(error, close) == refusal["means"]


def test_the_words_beside_the_codes_decide_nothing() -> None:
    said = {"code": "INVALID_REQUEST", "message": "unauthorized: pairing required: missing scope: rate limited"}
    assert login_category(error_of(said), None) == "misconfigured"


def test_no_row_is_in_vain() -> None:
    """Each decides something: none is hidden by those before it."""
    for index, row in enumerate(TABLE):
        seen = category_of(
            details={"code": row.detail.replace("*", "X")},
            code=row.code.replace("*", "X"),
            close=row.close,
            reason=row.reason.replace("*", "X"),
            status=row.status,
            moment=row.moment or "open",
        )
        assert seen == row.category, (index, row)


@pytest.mark.parametrize(
    ("details", "detail"),
    [
        ({"code": "A", "reason": "b"}, "A"),
        ({"code": "", "reason": "b"}, "b"),
        ({"code": 7, "reason": "b"}, "b"),
        ({"reason": ["b"]}, ""),
        ({}, ""),
        (["code"], ""),
        ("code", ""),
        (None, ""),
        ({"expectedProtocol": 3}, "PROTOCOL_MISMATCH"),
        ({"reason": "x", "expectedProtocol": 3}, "x"),
    ],
)
def test_what_details_call_it(details: Any, detail: str) -> None:
    assert detail_of(details) == detail


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["code", "reason", "x"]), inner),
    max_leaves=5,
)


@given(st.text(), anything, st.none() | st.integers(), st.text(), st.none() | st.integers())
def test_nothing_raises(code: str, details: Any, close: int | None, reason: str, status: int | None) -> None:
    known = {row.category for row in TABLE}
    assert category_of(code=code, details=details, close=close, reason=reason, status=status) in known

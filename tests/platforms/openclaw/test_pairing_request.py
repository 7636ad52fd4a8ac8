"""What a person is told who is to approve a device."""

from __future__ import annotations

from typing import Any

import pytest

from trio_bridge.platforms.openclaw.access.pairing import Pairing

REQUEST = "838b73bf-95fc-4734-b4bb-465b92127540"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("not-paired", "not approved yet"),
        ("scope-upgrade", "more scopes"),
        ("role-upgrade", "another role"),
        ("metadata-upgrade", "says of itself other things"),
        ("something-new", "must be approved"),
    ],
)
def test_why_and_what_to_type(reason: str, words: str) -> None:
    pairing = Pairing.of({"code": "PAIRING_REQUIRED", "reason": reason, "requestId": REQUEST, "deviceId": "d" * 64})
    assert pairing == Pairing(REQUEST, reason, "d" * 64)
    assert pairing.command == f"openclaw devices approve {REQUEST}"
    assert words in str(pairing)
    assert pairing.command in str(pairing)


@pytest.mark.parametrize(
    "request_id",
    ["", "x; rm -rf ~", "$(reboot)", "--latest", "a b", "x\n", "x" * 129, "x\u202e", 7, None, ["x"], {"x": 1}],
)
def test_nobody_is_told_to_type_what_a_gateway_made_up(request_id: Any) -> None:
    pairing = Pairing.of({"requestId": request_id, "reason": request_id})
    assert pairing.command == "openclaw devices list"
    assert pairing.request_id == ""


@pytest.mark.parametrize("details", [None, [], "x", 7, {}])
def test_details_that_say_nothing(details: Any) -> None:
    assert Pairing.of(details) == Pairing("", "")

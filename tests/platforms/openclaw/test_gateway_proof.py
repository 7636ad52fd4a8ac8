"""The proof of a device, held against what two gateways took and refused, and against texts that were only computed."""

import hashlib
import json
from pathlib import Path

import pytest

from trio_bridge.platforms.openclaw.gateway.methods import Refusal
from trio_bridge.platforms.openclaw.gateway.proof import SKEW_MS, check_proof, signed_texts
from trio_bridge.platforms.openclaw.gateway.texts import base64url, unpadded

RECORDED = Path(__file__).parents[2] / "data" / "openclaw" / "signing.jsonl"
CASES = [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]
SIGNED = [case for case in CASES if (case["device"].get("nonce") or "").strip()]
GOOD = next(case for case in CASES if case["id"] == "2026.9.6/device-v3")


def params_of(case, **changes):
    client = {name: value for name, value in case["client"].items() if value is not None}
    return {
        "client": client,
        "role": case["role"],
        "scopes": case["scopes"],
        "auth": case["auth"],
        "device": {**case["device"], **changes},
    }


def verdict(case, *, now_ms=None, **changes):
    challenge = case["challenge"]
    try:
        check_proof(params_of(case, **changes), challenge["nonce"], challenge["ts"] if now_ms is None else now_ms)
    except Refusal as refusal:
        return refusal.details["code"]
    return "good"


@pytest.mark.parametrize("case", SIGNED, ids=lambda case: case["id"])
def test_a_recorded_proof_is_worth_what_it_was_worth(case):
    refused = (case.get("error") or {}).get("details_code") or ""
    expected = refused if refused.startswith("DEVICE_AUTH_") else "good"  # Other refusals had other reasons.
    assert verdict(case) == expected


@pytest.mark.parametrize(
    "case", [case for case in SIGNED if case["accepted"] is not False], ids=lambda case: case["id"]
)
def test_what_was_signed_is_one_of_the_two_texts(case):
    assert case["signed_payload"] in signed_texts(params_of(case))


@pytest.mark.parametrize(("off", "expected"), [(SKEW_MS, "good"), (SKEW_MS + 1, "DEVICE_AUTH_SIGNATURE_EXPIRED")])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_clock_may_be_two_minutes_off(off, expected, sign):
    assert verdict(GOOD, now_ms=GOOD["challenge"]["ts"] + sign * off) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"publicKey": "no base64!"}, "DEVICE_AUTH_DEVICE_ID_MISMATCH"),
        ({"publicKey": "ä"}, "DEVICE_AUTH_DEVICE_ID_MISMATCH"),
        ({"id": "0" * 64}, "DEVICE_AUTH_DEVICE_ID_MISMATCH"),
        ({"signature": "no base64!"}, "DEVICE_AUTH_SIGNATURE_INVALID"),
        ({"signature": ""}, "DEVICE_AUTH_SIGNATURE_INVALID"),
        ({"nonce": " "}, "DEVICE_AUTH_NONCE_REQUIRED"),
        ({"nonce": "other"}, "DEVICE_AUTH_NONCE_MISMATCH"),
    ],
)
def test_nonsense_is_refused_by_what_is_looked_at_first(changes, expected):
    assert verdict(GOOD, **changes) == expected


def test_a_key_of_another_size_is_no_key():
    short = b"short"
    told = verdict(GOOD, publicKey=base64url(short), id=hashlib.sha256(short).hexdigest())
    assert told == "DEVICE_AUTH_PUBLIC_KEY_INVALID"


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"abc", bytes(range(256))], ids=len)
def test_bytes_come_back(data):
    assert unpadded(base64url(data)) == data


@pytest.mark.parametrize("text", ["a", "a+b/", "====", "é", "\ud800"])
def test_what_is_no_base64url_has_no_bytes(text):
    assert unpadded(text) is None

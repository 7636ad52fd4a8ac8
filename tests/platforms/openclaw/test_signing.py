"""What is signed, held against what two real gateways took and refused."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.platforms.openclaw.access.identity import DeviceIdentity
from trio_bridge.platforms.openclaw.access.signing import base64url, device_id_of, payload_v3, signed_token

RECORDED = Path(__file__).parents[2] / "data" / "openclaw" / "signing.jsonl"
CASES = [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]

# The recorded client did these wrong on purpose, to see what the gateways say.
SIGNED_ITS_PASSWORD = {"password-signed-with-password", "pw-signed-with-password"}
SORTED_ITS_SCOPES = {"scopes-sign-sorted"}
SPOILED_ITS_SIGNATURE = {"bad-signature"}
SENT_ANOTHER_ID = {"device-id-mismatch"}
SENT_ANOTHER_KEY = {"bad-public-key"}


@pytest.fixture(params=CASES, ids=lambda case: case["id"])
def case(request):
    return request.param


def name_of(case):
    return case["id"].partition("/")[2]


def key_of(case):
    return DeviceIdentity.of(bytes.fromhex(case["secret_key_hex"]))


def fields_of(case):
    """What our functions are told, where the recorded client made no mistake."""
    return {
        "device_id": key_of(case).device_id,
        "client_id": case["client"]["id"],
        "client_mode": case["client"]["mode"],
        "role": case["role"],
        "scopes": sorted(case["scopes"]) if name_of(case) in SORTED_ITS_SCOPES else case["scopes"],
        "signed_at_ms": case["device"]["signedAt"],
        "token": case["auth"]["password"] if name_of(case) in SIGNED_ITS_PASSWORD else signed_token(case["auth"]),
        "nonce": case["device"].get("nonce", case["challenge"]["nonce"]),
    }


def test_every_recorded_text_is_built_again(case):
    machine = {"platform": case["client"]["platform"], "device_family": case["client"]["deviceFamily"] or ""}
    built = payload_v3(**fields_of(case), **machine)
    if (version := case["payload_version"]) != "v3":  # an older one: what begins otherwise and ends before the machine
        built = f"{version}|{built.removeprefix('v3|').rsplit('|', 2)[0]}"

    assert built == case["signed_payload"]


def test_every_recorded_signature_is_made_again(case):
    signature = key_of(case).sign(case["signed_payload"])

    assert (signature == case["device"]["signature"]) is (name_of(case) not in SPOILED_ITS_SIGNATURE)
    assert case["signature_covers_payload"] is (name_of(case) not in SPOILED_ITS_SIGNATURE)


def test_every_recorded_device_has_the_same_name_and_key(case):
    device = key_of(case)

    assert (device.device_id == case["device"]["id"]) is (name_of(case) not in SENT_ANOTHER_ID)
    assert (device.public_key == case["device"]["publicKey"]) is (name_of(case) not in SENT_ANOTHER_KEY)


def test_what_is_wrong_on_purpose_was_refused():
    mistakes = SIGNED_ITS_PASSWORD | SORTED_ITS_SCOPES | SPOILED_ITS_SIGNATURE | SENT_ANOTHER_ID | SENT_ANOTHER_KEY
    accepted = {(name_of(case), case["accepted"]) for case in CASES if name_of(case) in mistakes}

    assert accepted == {(name, False) for name in mistakes}


@pytest.mark.parametrize(
    ("auth", "token"),
    [
        ({}, ""),
        ({"password": "p"}, ""),
        ({"token": "t", "password": "p"}, "t"),
        ({"token": "t", "deviceToken": "d", "bootstrapToken": "b"}, "t"),
        ({"deviceToken": "d", "bootstrapToken": "b", "password": "p"}, "d"),
        ({"bootstrapToken": "b"}, "b"),
    ],
)
def test_one_token_is_signed_and_never_a_password(auth, token):
    assert signed_token(auth) == token


FIELDS = {
    "device_id": "id",
    "client_id": "cli",
    "client_mode": "cli",
    "role": "operator",
    "scopes": ("b", "a"),
    "signed_at_ms": 1,
    "token": "T",
    "nonce": "n",
}


def test_the_slots_of_what_is_missing_stay():
    assert payload_v3(**FIELDS) == "v3|id|cli|cli|operator|b,a|1|T|n||"
    assert payload_v3(**FIELDS | {"scopes": (), "token": ""}) == "v3|id|cli|cli|operator||1||n||"


@pytest.mark.parametrize(
    ("said", "signed"),
    [
        ("  Linux\t", "linux"),
        ("\ufeff\xa0\u2003Linux\u3000\u2028", "linux"),  # JavaScript trims all of these
        ("\x1cLinux\x85", "\x1clinux\x85"),  # and none of these
        ("ÄPFEL \u212a İ", "Äpfel \u212a İ"),  # only ASCII is made small
        (" ", ""),
    ],
    ids=["ascii", "foreign-space", "control", "foreign-letters", "nothing"],
)
def test_the_machine_is_trimmed_and_made_small_as_the_gateway_does(said, signed):
    assert payload_v3(**FIELDS, platform=said, device_family=said).endswith(f"|n|{signed}|{signed}")


@given(st.binary(max_size=70))
def test_keys_and_signatures_have_no_padding(data):
    text = base64url(data)

    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert len(text) == -(-len(data) * 8 // 6)


def test_a_device_is_named_by_its_key():
    assert device_id_of(bytes(32)) == "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"

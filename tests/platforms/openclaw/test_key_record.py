"""A key comes out as it was put in, or not at all."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.platforms.openclaw.access.key_record import DamagedKey, key_of, new_record
from trio_bridge.platforms.openclaw.access.signing import base64url


def record(**changes):
    return {"version": 1, "private_key": base64url(bytes(range(32))), "created_at_ms": 1795163828742} | changes


def test_a_new_key_can_be_read_back():
    made = new_record(1795163828.7429)

    assert len(key_of(made)) == 32
    assert base64url(key_of(made)) == made["private_key"]
    assert (made["version"], made["created_at_ms"]) == (1, 1795163828742)
    assert set(made) == {"version", "private_key", "created_at_ms"}


def test_two_new_keys_are_two():
    assert key_of(new_record(0)) != key_of(new_record(0))


def test_what_a_later_version_adds_is_let_be():
    assert key_of(record(note="the one in the cellar")) == bytes(range(32))


@pytest.mark.parametrize(
    "damaged",
    [
        {},
        record(version=2),
        record(version=None),
        record(private_key=None),
        record(private_key=["A"]),
        record(private_key=int("7" * 42 + "4")),  # as text it would be one
        record(private_key=""),
        record(private_key=base64url(bytes(31))),
        record(private_key=base64url(bytes(33))),
        record(private_key=base64url(bytes(32)) + "="),
        record(private_key=" " + base64url(bytes(32))),
        record(private_key="+" + base64url(bytes(32))[1:]),
        record(private_key="ä" + base64url(bytes(32))[1:]),
        record(private_key=base64url(bytes(32))[:-1] + "B"),  # bits that no key has
    ],
)
def test_a_record_that_is_damaged_gives_no_key(damaged):
    with pytest.raises(DamagedKey):
        key_of(damaged)


@given(st.text(max_size=50) | st.binary(min_size=30, max_size=34).map(base64url))
def test_whatever_stands_for_the_key_is_the_key_or_refused(text):
    with suppress(DamagedKey):
        key = key_of(record(private_key=text))
        assert base64url(key) == text
        assert len(key) == 32

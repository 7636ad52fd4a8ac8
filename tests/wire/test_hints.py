"""What servers mean by «retry after»."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.wire.hints import LONGEST, retry_after

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),
        ("5.5", 5.5),
        (" 7 ", 7.0),
        ("0", 0.0),
        (5, 5.0),
        (0.25, 0.25),
        ("1000000000000", LONGEST),
        (10**400, LONGEST),
        ("9" * 400, LONGEST),
        (float("inf"), LONGEST),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60.0),
        ("Tue, 14 Nov 2023 23:14:20 +0100", 60.0),
        ("Tue, 14 Nov 2023 22:14:20 -0000", 60.0),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0.0),
        ("Tue, 14 Nov 2033 22:00:00 GMT", LONGEST),
    ],
)
def test_hints_are_seconds_within_a_day(value: object, seconds: float) -> None:
    assert retry_after(value, now=NOW) == seconds


FAR = f"1 Jan {'9' * 20} 00:00:00 GMT"


@pytest.mark.parametrize(
    "value",
    [None, "", "-1", -1, -0.5, "soon", "1e3", "1_000", "٣", "nan", float("nan"), True, [], {"seconds": 5}, FAR],
)
def test_what_is_no_hint_is_none(value: object) -> None:
    assert retry_after(value, now=NOW) is None


@given(st.text() | st.integers() | st.floats() | st.none() | st.binary())
def test_nothing_that_a_server_says_raises_or_leaves_the_day(value: object) -> None:
    seconds = retry_after(value, now=NOW)
    assert seconds is None or 0 <= seconds <= LONGEST

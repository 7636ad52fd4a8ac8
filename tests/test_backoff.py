"""The delay law: full jitter, drawn after the cap, never below the floor."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.backoff import Backoff

durations = st.floats(min_value=0.01, max_value=1e4)


@st.composite
def laws(draw: st.DrawFn) -> Backoff:
    return Backoff(
        first=draw(durations),
        factor=draw(st.floats(min_value=1, max_value=10)),
        cap=draw(durations),
        floor=draw(st.floats(min_value=0, max_value=5)),
    )


@given(laws(), st.integers(min_value=0, max_value=10**9), st.floats(min_value=0, max_value=1, exclude_max=True))
def test_every_delay_lies_between_floor_and_cap(law: Backoff, attempt: int, chance: float) -> None:
    assert law.floor <= law.delay(attempt, lambda: chance) <= max(law.floor, law.cap)


@given(laws(), st.integers(min_value=0, max_value=200))
def test_the_ceiling_never_sinks(law: Backoff, attempt: int) -> None:
    assert law.ceiling(attempt) <= law.ceiling(attempt + 1) <= law.cap


def test_the_ceiling_doubles_up_to_the_cap() -> None:
    assert [Backoff().ceiling(attempt) for attempt in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_jitter_is_full_and_drawn_after_the_cap() -> None:
    half = list(islice(Backoff().delays(lambda: 0.5), 8))
    assert half == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_a_lucky_draw_does_not_hammer() -> None:
    assert list(islice(Backoff().delays(lambda: 0.0), 3)) == [0.25, 0.25, 0.25]


def test_an_account_may_fail_for_weeks() -> None:
    assert Backoff().delay(10**6, lambda: 0.5) == 30


@pytest.mark.parametrize("wrong", [{"first": 0}, {"factor": 0.5}, {"cap": 0}, {"floor": -1}])
def test_a_law_that_cannot_work_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Backoff(**wrong)

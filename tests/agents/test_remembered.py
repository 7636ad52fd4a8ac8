"""How much of a conversation is remembered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.agents._remembered import Bounds

TURNS = [("aa", "b"), ("cc", "d"), ("ee", "f")]


@pytest.mark.parametrize(
    ("turns", "characters", "kept"), [(3, 9, 3), (2, 9, 2), (3, 8, 2), (3, 6, 2), (3, 3, 1), (3, 2, 0), (0, 9, 0)]
)
def test_the_last_whole_turns_that_fit_are_kept(turns: int, characters: int, kept: int) -> None:
    assert Bounds(turns, characters).last(TURNS) == TURNS[3 - kept :]


def test_a_turn_that_is_too_long_leaves_nothing_older_behind() -> None:
    assert Bounds(10, 5).last([("a", "b"), ("c" * 6, "d"), ("e", "f")]) == [("e", "f")]


def test_what_was_stored_is_read() -> None:
    assert Bounds(2, 100).read([["a", "b"], ["c", "d"], ["e", "f"]]) == [("c", "d"), ("e", "f")]


@pytest.mark.parametrize(
    "stored",
    [None, 5, "ab", {}, {"a": "b"}, [["a", "b"], ["c"]], [["a", "b", "c"]], [["a", 5]], [None], [["a", "b"], "cd"]],
)
def test_what_has_another_form_is_forgotten(stored: object) -> None:
    assert Bounds(10, 100).read(stored) == []


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON | st.lists(st.lists(st.text(), min_size=2, max_size=2)), st.integers(0, 5), st.integers(1, 20))
def test_whatever_was_stored_the_bounds_hold(stored: object, turns: int, characters: int) -> None:
    read = Bounds(turns, characters).read(stored)
    assert len(read) <= turns
    assert sum(len(question) + len(answer) for question, answer in read) <= characters

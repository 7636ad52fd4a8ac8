"""Patterns mean what they mean in Python, as far as they go, and cost what was said."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.bots.gate.patterns import STRIDE, Pattern, PatternError

ATOMS = st.sampled_from(["a", "B", "0", ".", "[ab]", "[^a0]", "[]a]", r"\d", r"\w", r"\W", r"\.", r"\x61", "小", " "])
PLACES = st.sampled_from(["^", "$", r"\b", r"\B", r"\A", r"\Z"])


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    counted = st.tuples(
        inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{,2}", "{1,}", "*?", "+?", "??", "{1,2}?"])
    )
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        counted.map(lambda pair: f"({pair[0]}){pair[1]}"),
        st.tuples(PLACES, inner).map("".join),
        st.tuples(inner, PLACES).map("".join),
    )


def found(pattern: str, text: str) -> bool:
    return any(Pattern(pattern).scan(text))


@given(st.recursive(ATOMS, grown, max_leaves=6), st.text("aAbB01 小\n.", min_size=1, max_size=8))
def test_a_pattern_finds_what_it_finds_in_python(pattern: str, text: str) -> None:
    """In texts of one character and more: Pythons before 3.14 deny that nothing is no border."""
    assert found(pattern, text) == (re.search(pattern, text, re.IGNORECASE) is not None)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("小马|pony", "Hey PONY!", True),
        (r"^(hi|hello)[,， ]+bot\b", "Hello, bot?", True),
        (r"^(hi|hello)[,， ]+bot\b", "Hello, bottle", False),
        ("", "", True),
        ("(?i)bot", "BOT", True),
        ("(?P<who>bot)", "a bot", True),
        ("a{", "a{", True),
        ("end$", "the end\n", True),
        (r"end\Z", "the end\n", False),
    ],
)
def test_examples(pattern: str, text: str, expected: bool) -> None:
    assert found(pattern, text) is expected


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "a)", "[a", "*a", "a**", "a{2,1}", "a++", r"(a)\1", "(?=a)", "(?<!a)b", "^*", "\\", "[z-a]", r"\u12",
     "a{301}", "(a{20}){20}", "((){200}){200}", "x" * 501],
)  # fmt: skip
def test_what_cannot_be_followed_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError):
        Pattern(pattern)


@given(st.text(r"ab()[]{}|*+?^$\,1:P<>-.", max_size=30))
def test_no_pattern_raises_anything_else(pattern: str) -> None:
    with suppress(PatternError):
        any(Pattern(pattern).scan("abab1"))


@pytest.mark.parametrize("pattern", ["(a+)+$", "^(a|a)*$", "(a|aa)+$", "(.*a){20}$", "^(a*)*$", "a?" * 28 + "a" * 28])
def test_unlucky_patterns_end(pattern: str) -> None:
    """Python needs hours for most of these, and the watchdog of the test run would end it."""
    assert not found(pattern, "a" * 40 + "!" if pattern.endswith("$") else "a" * 27)


def test_a_search_breathes_and_ends() -> None:
    """Where the search ends, the text does not."""
    breaths = list(Pattern("b|a$").scan("a" * 1_000_000))
    assert breaths == [False] * (2000 // STRIDE)

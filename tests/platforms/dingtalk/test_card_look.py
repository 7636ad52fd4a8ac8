"""How a text looks in a card."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.platforms.dingtalk.cards.look import for_card, while_growing


def texts(*pieces: str) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(pieces), max_size=200).map("".join)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\ntwo", "one<br>two"),
        ("one\r\ntwo\rthree", "one<br>two<br>three"),
        ("one\n\ntwo", "one\n\ntwo"),
        ("# Title\ntext\nmore", "# Title\ntext<br>more"),
        ("- a\n- b\ntext", "- a\n- b\ntext"),
        ("1. a\n2) b", "1. a\n2) b"),
        ("> a\n> b\nafter", "> a<br>b\nafter"),
        ("text\n> quote", "text\n> quote"),
        ("say:\n```py\na = 1\nb = 2\n```\nafter\nthat", "say:\n```py\na = 1\nb = 2\n```\nafter<br>that"),
        ("```\na\nb", "```\na\nb"),
        ("text\n| a | b |\n|---|---|\n| 1 | 2 |", "text\n\n| a | b |\n|---|---|\n| 1 | 2 |"),
        ("- a\n  goes on", "- a\n  goes on"),
        ("above\n---\nbelow", "above\n---\nbelow"),
        ("", ""),
    ],
)
def test_line_breaks_are_kept(text: str, shown: str) -> None:
    assert for_card(text) == shown


def test_a_text_that_is_not_whole_ends_without_an_empty_line() -> None:
    assert while_growing("one\ntwo\n\n") == "one<br>two"


@given(texts("a", "b", " ", "\n", ">", "|", "-", "#", "1.", "```"))
def test_nothing_that_was_said_is_lost(text: str) -> None:
    def words(said: str) -> str:
        return "".join(character for character in said.replace("<br>", "") if character not in "> \n")

    assert words(for_card(text)) == words(text)


def test_a_paragraph_of_many_lines_is_one_line() -> None:
    assert for_card("a\n" * 50_000) == "a<br>" * 49_999 + "a\n"
    assert for_card("> a\n" * 50_000) == "> a" + "<br>a" * 49_999 + "\n"

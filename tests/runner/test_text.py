"""Text from anywhere, made fit for a terminal and a log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.runner.text import one_line


@given(st.text(), st.integers(min_value=1, max_value=50))
def test_whatever_comes_is_one_short_printable_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert line.isprintable()
    assert len(line) <= limit


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two\r\nlines", "two\\r\\nlines"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202eback\u2028", "\\u202eback\\u2028"),
        ("多少钱?", "多少钱?"),
    ],
)
def test_what_would_command_a_terminal_is_shown_instead(text: str, line: str) -> None:
    assert one_line(text) == line


def test_a_long_text_ends_in_an_ellipsis() -> None:
    assert one_line("x" * 11, 10) == "x" * 9 + "…"
    assert one_line("x" * 10, 10) == "x" * 10

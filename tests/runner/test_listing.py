"""Rows for people: whatever is in a store, it is only text."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from trio_bridge.runner.listing import CELL, local_moment, moment, show_rows, span

HOSTILE = "[red]a[/red]\x1b[2J\r\nb\N{RIGHT-TO-LEFT OVERRIDE}"
SHOWN = r"[red]a[/red]\x1b[2J\r\nb\u202e"


def shown(rows: list[tuple[str, ...]], *, terminal: bool, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None)
    show_rows(console, ("key", "last error"), rows)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_elsewhere_than_on_a_terminal_each_row_is_a_line_that_says_what_is_what() -> None:
    assert shown([("k1", "no use"), ("k2", "")], terminal=False) == ["key=k1  last error=no use", "key=k2"]


def test_on_a_terminal_they_are_a_table() -> None:
    heading, _, row = shown([("k1", "no use")], terminal=True)
    assert heading.split() == ["key", "last", "error"]
    assert row.split() == ["k1", "no", "use"]


def test_a_long_value_is_whole_on_a_narrow_terminal() -> None:
    lines = shown([("k" * 100, "no use")], terminal=True, width=40)
    assert "".join(lines).count("k") == 100 + len("key".replace("ey", ""))


@pytest.mark.parametrize("terminal", [False, True])
def test_a_hostile_value_is_shown_as_what_it_is(terminal: bool) -> None:
    lines = shown([("k1", HOSTILE)], terminal=terminal)
    assert SHOWN in lines[-1]


def test_a_value_without_end_is_cut() -> None:
    [line] = shown([("k1", "x" * 10_000)], terminal=False)
    assert len(line) < CELL + 30
    assert line.endswith("…")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-5, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (7300, "2 h"), (200_000, "2 d")],
)
def test_a_length_of_time_is_short(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_a_moment_is_exact_for_programs_and_local_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    assert moment(1_790_000_000.25) == "2026-09-21T14:13:20.250+00:00"
    assert len(local_moment(1_790_000_000.25)) == len("2026-09-21 14:13:20")

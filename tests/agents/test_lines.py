"""Lines out of pieces, however the pieces fall."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.agents._lines import LEAST, LINE, REST, SAID, BoundedLines


def heard(*pieces: bytes) -> list[str]:
    lines = BoundedLines()
    return [line for piece in pieces for line in lines.feed(piece)] + list(lines.end())


@given(st.lists(st.text(alphabet="aé👍 ", max_size=8), max_size=8), st.integers(min_value=1, max_value=7))
def test_lines_are_whole_however_they_were_cut(lines: list[str], size: int) -> None:
    said = "\n".join(lines).encode()
    pieces = [said[at : at + size] for at in range(0, len(said), size)]
    assert heard(*pieces) == [line.rstrip() for line in lines if line.strip()]


def test_the_last_line_need_not_end() -> None:
    assert heard(b"one\r\ntwo") == ["one", "two"]


def test_what_is_not_utf_8_is_shown_as_such() -> None:
    assert heard(b"a\xffb\n") == ["a\N{REPLACEMENT CHARACTER}b"]


def test_a_long_line_is_cut_and_the_next_one_is_whole() -> None:
    long = "é" * LINE
    assert heard(long.encode() + b"\n") == [long]
    for size in (100, 5000, 100_000):
        said = (long * 10 + "\nnext\n").encode()
        assert heard(*(said[at : at + size] for at in range(0, len(said), size))) == [long[:-1] + "…", "next"]


@pytest.mark.parametrize(("line", "most"), [("x" * LINE, SAID // LINE), ("x" * 100, SAID // 100), ("x", SAID // LEAST)])
def test_a_flood_is_heard_in_part_and_said_to_be_one(line: str, most: int) -> None:
    said = f"{line}\n".encode()
    assert heard(*[said] * most) == [line] * most
    assert heard(*[said] * most, b"\n", said, said) == [line] * most + [REST]
    assert heard(said * (most + 9)) == [line] * most + [REST]

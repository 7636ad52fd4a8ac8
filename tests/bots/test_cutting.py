"""Texts in pieces that a platform takes at a time."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from trio_bridge.bots.cutting import cut, divided, first_part, size
from trio_bridge.bots.fences import fence_after

LIMIT = 120
ROOM = 10_000
WORDS = st.sampled_from(["word", "一", "🎉", "\x00", '"', "\n", "\n\n", " ", "```", "```py", "~~~~", "`", "|", "-"])
TEXTS = st.lists(WORDS | st.text(max_size=20), max_size=200).map("".join)


@given(TEXTS)
@example("```" + "x" * 300)
@example("a\n```py\n" + "x = 1\n" * 60 + "```\nend")
def test_the_pieces_are_the_text_and_no_piece_is_too_long(text: str) -> None:
    pieces = list(cut(text, LIMIT, ROOM))
    assert "".join(piece.body for piece in pieces) == text
    assert all(piece.body for piece in pieces)
    assert all(len(piece.shown) <= LIMIT for piece in pieces)


@given(TEXTS, st.sampled_from(["🎉", "\x01", "一", '"', "\n"]))
def test_no_piece_has_many_more_bytes_than_there_is_room_for(text: str, sign: str) -> None:
    assert all(size(piece.body) <= 500 for piece in cut(text + sign * 1000, 100_000, 500))


@given(TEXTS)
def test_a_piece_that_is_not_the_last_leaves_no_fence_open(text: str) -> None:
    for piece in list(cut(text, LIMIT, ROOM))[:-1]:
        assert fence_after(piece.shown, "") == ""


def test_a_fence_is_closed_and_opened_again() -> None:
    code = "x = 1\n" * 30
    first, *others = cut(f"Look:\n```python\n{code}```\nThere.", LIMIT, ROOM)
    assert first.shown.startswith("Look:\n```python\n")
    assert first.shown.endswith("x = 1\n```")
    assert [piece.shown.startswith("```python\nx = 1\n") for piece in others] == [True] * len(others)
    assert others[-1].shown.endswith("x = 1\n```\nThere.")


def test_pieces_end_where_a_reader_would_end_them() -> None:
    first, second = cut("one " * 20 + "\n\n" + "two " * 20, LIMIT, ROOM)
    assert (first.body.strip(), second.body.strip()) == (("one " * 20).strip(), ("two " * 20).strip())
    assert [piece.body for piece in cut("a" * 60 + " " + "b" * 90, LIMIT, ROOM)] == ["a" * 60 + " ", "b" * 90]


def test_a_short_text_is_one_piece() -> None:
    assert [piece.shown for piece in cut("hello", LIMIT, ROOM)] == ["hello"]
    assert list(cut("", LIMIT, ROOM)) == []


@given(TEXTS, st.integers(100, 300))
def test_a_text_in_two_parts_is_the_text(text: str, limit: int) -> None:
    taken = first_part(text, limit, ROOM)
    first, rest = divided(text, taken)
    assert taken > 0 or not text
    body, tail = text[:taken], text[taken:]
    assert first.startswith(body.rstrip())
    assert rest.endswith(tail)


def test_code_that_is_cut_is_closed_and_goes_on() -> None:
    text = "```py\n" + "a = 1\n" * 100 + "```"
    first, rest = divided(text, first_part(text, 200, ROOM))
    assert first.endswith("a = 1\n```")
    assert rest.startswith("```py\na = 1")

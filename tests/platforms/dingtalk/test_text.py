"""Answers as DingTalk shows them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.platforms.dingtalk.text import PARAM_BYTES, cut, title_of, with_loose_tables

WORDS = st.sampled_from(["word", "一", "🎉", "\x00", '"', "\n", "\n\n", " ", "```", "```py", "~~~~", "`", "|", "-"])
TEXTS = st.lists(WORDS | st.text(max_size=20), max_size=200).map("".join)


@given(TEXTS, st.sampled_from(["🎉", "\x01", "一", '"', "\n"]))
def test_no_piece_has_more_bytes_than_a_message_holds(text: str, sign: str) -> None:
    for piece in cut(text + sign * 20_000, 100_000):
        param = {"title": title_of(piece.shown, "\x01" * 99), "text": piece.shown}
        assert len(json.dumps(param, ensure_ascii=False).encode()) <= PARAM_BYTES


@pytest.mark.parametrize(
    ("text", "given_title", "expected"),
    [
        ("\n\n## Hello there\nmore", "", "Hello there"),
        ("> - **x", "", "x"),
        ("a" * 30, "", "a" * 20),
        ("***\n---\n", "", "通知"),
        ("", "", "通知"),
        ("text", " Given ", "Given"),
        ("text", "g" * 99, "g" * 64),
    ],
)
def test_there_is_always_a_title(text: str, given_title: str, expected: str) -> None:
    assert title_of(text, given_title) == expected


def test_a_table_that_touches_a_paragraph_is_set_apart() -> None:
    table = "| a | b |\n|---|---|\n| 1 | 2 |"
    assert with_loose_tables(f"Look:\n{table}\nend") == f"Look:\n\n{table}\nend"
    assert with_loose_tables(f"Look:\n\n{table}") == f"Look:\n\n{table}"
    assert with_loose_tables(f"```\nLook:\n{table}\n```") == f"```\nLook:\n{table}\n```"
    assert with_loose_tables("a | b") == "a | b"

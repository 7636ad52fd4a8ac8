"""Halves of characters, as they come of answers that were cut anywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.wire.characters import whole_characters


@given(st.text(st.characters(exclude_categories=[])))
def test_whole_characters_can_be_encoded_and_are_the_same_where_they_were_whole(text: str) -> None:
    whole = whole_characters(text)
    whole.encode()
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert whole == text


@pytest.mark.parametrize(
    ("text", "whole"),
    [("\ud83d\ude00", "😀"), ("a\ud83d", "a\ufffd"), ("\ude00b", "\ufffdb"), ("\ude00\ud83d", "\ufffd\ufffd")],
)
def test_halves_are_put_together_or_replaced(text: str, whole: str) -> None:
    assert whole_characters(text) == whole

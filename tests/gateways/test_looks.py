"""What the reader of a card saw."""

from __future__ import annotations

import attrs
import pytest

from trio_bridge.gateways.looks import Seen


@attrs.frozen
class Glance:
    at: float
    by: str
    text: str


@attrs.define
class Card(Seen):
    history: list[Glance]


@pytest.mark.parametrize(
    ("seen", "texts", "went_back"),
    [
        ("", [], False),
        ("a", ["a"], False),
        ("a a ab ab", ["a", "ab"], False),
        ("a ab a", ["a", "ab", "a"], True),
        ("a ab c", ["a", "ab", "c"], False),
    ],
)
def test_each_text_is_told_once_and_whether_one_was_overtaken(seen: str, texts: list[str], went_back: bool) -> None:
    card = Card([Glance(0.0, "stream", text) for text in seen.split()])
    assert (card.texts, card.went_back) == (texts, went_back)


def test_intervals_are_those_of_streamed_texts() -> None:
    calls = [(0.0, "create"), (1.0, "stream"), (2.5, "stream"), (3.0, "settings"), (6.5, "stream")]
    assert Card([Glance(at, by, "") for at, by in calls]).intervals == [1.5, 4.0]

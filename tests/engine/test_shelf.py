"""What waits and was never claimed."""

from __future__ import annotations

from trio_bridge.engine.shelf import Shelf
from trio_bridge.wire.protocol import Delivery


def delivery(size: int = 2) -> Delivery:
    return Delivery("m", "talk", "t", "x" * size)


def test_what_was_stored_just_now_is_fresh_and_kept() -> None:
    shelf, one = Shelf(2, 100), delivery()
    shelf.add(1, one)
    assert shelf.is_fresh(1)
    assert shelf.take([1]) == {1: one}
    assert shelf.take([1]) == {}


def test_what_an_earlier_life_left_may_have_been_claimed_before() -> None:
    shelf = Shelf(2, 100)
    shelf.open([3, 7, 5])
    assert [shelf.is_fresh(seq) for seq in (3, 7, 8)] == [False, False, True]


def test_what_came_back_is_fresh_no_more() -> None:
    shelf = Shelf(2, 100)
    shelf.add(1, delivery())
    shelf.take([1])
    shelf.wear(1)
    assert not shelf.is_fresh(1)


def test_no_more_is_kept_than_there_is_room_for() -> None:
    shelf = Shelf(2, 100)
    for seq in (1, 2, 3):
        shelf.add(seq, delivery())
    assert set(shelf.take([1, 2, 3])) == {1, 2}
    shelf.add(4, delivery(60))
    shelf.add(5, delivery(41))
    assert shelf.is_fresh(5)
    assert set(shelf.take([4, 5])) == {4}
    shelf.add(6, delivery(100))
    assert set(shelf.take([6])) == {6}

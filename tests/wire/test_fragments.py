"""Messages in pieces: put together whatever their order, and bounded whatever they claim."""

from __future__ import annotations

import random
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.wire.fragments import BadFragment, Fragments


def fragments(**changes: object) -> Fragments:
    return Fragments(**{"most_pieces": 1024, "most_bytes": 1000, "ttl": 30.0, **changes})  # type: ignore[arg-type]


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=12), st.randoms())
def test_any_order_gives_the_same_whole(pieces: list[bytes], rand: random.Random) -> None:
    box = fragments()
    order = [*range(len(pieces)), *rand.choices(range(len(pieces)), k=3)]
    rand.shuffle(order)
    wholes, seen = [], set[int]()
    for index in order:
        if len(seen) == len(pieces):
            break
        whole = box.add("m", len(pieces), index, pieces[index] if index not in seen else b"another", 0.0)
        seen.add(index)
        if whole is not None:
            wholes.append(whole)
    assert wholes == [b"".join(pieces)]
    assert len(box) == 0


def test_messages_may_be_mixed() -> None:
    box = fragments()
    assert box.add("a", 2, 1, b"2", 0.0) is None
    assert box.add("b", 2, 0, b"x", 0.0) is None
    assert box.add("a", 2, 0, b"1", 0.0) == b"12"
    assert box.add("b", 2, 1, b"", 0.0) == b"x", "an empty piece is a piece"


@pytest.mark.parametrize(("count", "index"), [(0, 0), (-1, 0), (1025, 0), (50_000_000, 3), (2, 2), (2, -1)])
def test_pieces_that_fit_nowhere_are_refused_and_cost_nothing(count: int, index: int) -> None:
    box = fragments()
    tracemalloc.start()
    with pytest.raises(BadFragment):
        box.add("m", count, index, b"piece", 0.0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000
    assert len(box) == 0


def test_a_large_claim_keeps_no_room_for_what_has_not_come() -> None:
    box = fragments(most_pieces=50_000_000)
    tracemalloc.start()
    assert box.add("m", 50_000_000, 49_999_999, b"piece", 0.0) is None
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


def test_a_piece_of_another_whole_is_refused_and_the_message_is_not_given_up() -> None:
    box = fragments()
    assert box.add("m", 2, 0, b"1", 0.0) is None
    with pytest.raises(BadFragment, match="a piece of 3, where the first was one of 2"):
        box.add("m", 3, 1, b"2", 0.0)
    assert box.add("m", 2, 1, b"2", 0.0) == b"12"


def test_a_message_that_is_too_large_is_given_up() -> None:
    box = fragments()
    assert box.add("m", 3, 0, b"x" * 900, 0.0) is None
    with pytest.raises(BadFragment, match="more than 1000 bytes"):
        box.add("m", 3, 1, b"x" * 200, 0.0)
    assert len(box) == 0


def test_all_messages_together_are_bounded_and_the_oldest_gives_way() -> None:
    box = fragments()
    for name in "abc":
        assert box.add(name, 2, 0, name.encode() * 400, 0.0) is None
    assert len(box) == 2
    assert box.add("b", 2, 1, b"!", 0.0) == b"b" * 400 + b"!"
    assert box.add("a", 2, 1, b"!", 0.0) is None, "it was given up"
    box = fragments(open_sets=64)
    for number in range(70):
        box.add(str(number), 2, 0, b"x", 0.0)
    assert len(box) == 64


def test_a_message_waits_for_its_next_piece_and_not_for_ever() -> None:
    box = fragments()
    box.add("a", 3, 0, b"1", 0.0)
    box.add("b", 3, 0, b"1", 10.0)
    box.expire(29.9)
    assert box.add("a", 3, 1, b"2", 29.9) is None
    box.expire(40.0)
    assert len(box) == 1, "b has waited for 30 s, a for 10"
    assert box.add("a", 3, 2, b"3", 59.8) == b"123"

from __future__ import annotations

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.engine.lanes import Lanes


def test_a_lane_is_taken_in_order_one_at_a_time() -> None:
    lanes: Lanes[int] = Lanes()
    lanes.add("a", 1)
    lanes.add("a", 2)
    assert lanes.take() == ("a", 1)
    assert lanes.take() is None
    lanes.release("a")
    assert lanes.take() == ("a", 2)
    lanes.release("a")
    assert lanes.take() is None
    assert len(lanes) == 0


def test_lanes_take_turns() -> None:
    lanes: Lanes[int] = Lanes()
    for item in (1, 2):
        lanes.add("busy", item)
    lanes.add("quiet", 3)
    assert lanes.take() == ("busy", 1)
    lanes.release("busy")
    assert lanes.take() == ("quiet", 3)


def test_what_is_put_back_comes_first_in_its_lane() -> None:
    lanes: Lanes[int] = Lanes()
    lanes.add("a", 1)
    lanes.add("a", 2)
    lane, item = lanes.take() or ("", 0)
    lanes.put_back(lane, item)
    assert lanes.take() == ("a", 1)


def test_a_lane_that_is_held_back_returns_at_its_time() -> None:
    lanes: Lanes[int] = Lanes()
    lanes.add("a", 1)
    lane, item = lanes.take() or ("", 0)
    lanes.put_back(lane, item, until=10.0)
    lanes.add("a", 2)
    lanes.add("b", 3)
    assert lanes.next_return() == 10.0
    assert lanes.take() == ("b", 3)
    lanes.advance(9.9)
    assert lanes.take() is None
    lanes.advance(10.0)
    assert lanes.take() == ("a", 1)


def test_a_lane_without_items_can_be_held_back() -> None:
    lanes: Lanes[int] = Lanes()
    lanes.hold_back("a", float("inf"))
    lanes.add("a", 1)
    lanes.advance(1e12)
    assert lanes.take() is None
    assert len(lanes) == 1


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.sampled_from("abc")),
            st.tuples(st.sampled_from(["take", "release", "put back", "put back later", "advance"]), st.just("")),
        ),
        max_size=60,
    )
)
def test_order_holds_whatever_happens(steps: list[tuple[str, str]]) -> None:
    """Items of a lane come out in the order in which they went in, and never two of a lane at a time."""
    lanes: Lanes[int] = Lanes()
    expected: dict[str, list[int]] = defaultdict(list)
    in_hand: dict[str, int] = {}
    now = 0.0
    for number, (step, lane) in enumerate(steps):
        if step == "add":
            lanes.add(lane, number)
            expected[lane].append(number)
        elif step == "take":
            if (taken := lanes.take()) is not None:
                lane, item = taken
                assert lane not in in_hand
                assert item == expected[lane].pop(0)
                in_hand[lane] = item
        elif step == "advance":
            now += 1
            lanes.advance(now)
        elif in_hand:
            lane, item = in_hand.popitem()
            if step == "release":
                lanes.release(lane)
            else:
                expected[lane].insert(0, item)
                lanes.put_back(lane, item, until=now + 2 if step == "put back later" else None)
        assert len(lanes) == sum(map(len, expected.values()))
    for lane in in_hand:
        lanes.release(lane)
    lanes.advance(float("inf"))
    while (taken := lanes.take()) is not None:
        lane, item = taken
        assert item == expected[lane].pop(0)
        lanes.release(lane)
    assert not any(expected.values())

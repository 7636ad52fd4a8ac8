"""Who gets what: one delivery a worker, and as many claimed ahead as will find theirs in a moment."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_bridge.engine.handout import AHEAD, PATIENCE, STRAIGHT, Handout
from trio_bridge.engine.held import Held
from trio_bridge.engine.store import Claim
from trio_bridge.wire.protocol import Delivery


def claimed(seq: int = 1) -> Held:
    return Held(Claim(seq, 1, Delivery(f"m{seq}", "talk", "t", "{}"), 1, 0, 0), "talk", trio.current_time())


async def worked(hands: Handout, seconds: float) -> None:
    """A worker takes a delivery and lets go of it after so long."""
    hands.offer(claimed())
    held = await hands.next("crew")
    assert held is not None
    await trio.sleep(seconds)
    hands.let_go(held)


async def test_what_is_offered_goes_to_whoever_waits_longest(autojump_clock: MockClock) -> None:
    hands, got = Handout(2), []

    async def take(name: str) -> None:
        held = await hands.next(name)
        assert held is not None
        got.append((name, held.claim.seq))

    async with trio.open_nursery() as nursery:
        for name in ("first", "second"):
            nursery.start_soon(take, name)
            await wait_all_tasks_blocked()
        assert hands.wanted == 2
        hands.offer(claimed(7))
        hands.offer(claimed(8))
    assert dict(got) == {"first": 7, "second": 8}
    assert (hands.busy, hands.wanted) == (2, 0)


async def test_together_they_hold_no_more_than_there_are_workers(autojump_clock: MockClock) -> None:
    hands = Handout(1)
    hands.offer(claimed(1))
    hands.offer(claimed(2))
    first = await hands.next("old crew")
    assert first is not None
    async with trio.open_nursery() as nursery:
        waiting: list[Held | None] = []

        async def take() -> None:
            waiting.append(await hands.next("new crew"))

        nursery.start_soon(take)
        await wait_all_tasks_blocked()
        hands.offer(claimed(3))
        await wait_all_tasks_blocked()
        assert not waiting
        assert (hands.busy, hands.wanted) == (1, 0)
        hands.let_go(first)
    [second] = waiting
    assert second is not None
    assert second.claim.seq == 2


async def test_a_worker_that_ignores_its_cancellation_is_one_less_until_it_lets_go() -> None:
    hands = Handout(1)
    hands.offer(claimed(1))
    held = await hands.next("crew")
    assert held is not None
    hands.let_go(held)
    hands.lose(held)
    hands.offer(claimed(2))
    assert (hands.busy, hands.lost) == (1, 1)
    with trio.move_on_after(0):
        await hands.next("crew")
        raise AssertionError("unreachable: there is no worker left")
    hands.let_go(held)
    assert (hands.busy, hands.lost) == (0, 0)
    assert await hands.next("crew") is not None


async def test_who_was_dismissed_gets_nothing_and_leaves_it_to_others(autojump_clock: MockClock) -> None:
    hands = Handout(2)
    got: list[Held | None] = []

    async def take() -> None:
        got.append(await hands.next("old"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take)
        await wait_all_tasks_blocked()
        hands.dismiss("old")
        hands.offer(claimed(3))
    assert got == [None]
    held = await hands.next("new")
    assert held is not None
    assert held.claim.seq == 3


async def test_who_is_cancelled_in_the_moment_of_getting_leaves_it_to_others(autojump_clock: MockClock) -> None:
    hands = Handout(2)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hands.next, "crew")
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        hands.offer(claimed(4))
    assert (hands.busy, hands.wanted) == (0, 0)
    held = await hands.next("crew")
    assert held is not None
    assert held.claim.seq == 4


async def test_who_is_cancelled_while_waiting_is_forgotten(autojump_clock: MockClock) -> None:
    hands = Handout(2)
    with trio.move_on_after(1):
        await hands.next("crew")
    hands.offer(claimed(5))
    assert hands.anything_ahead


async def test_before_a_worker_has_shown_how_long_it_takes_nothing_is_claimed_ahead() -> None:
    assert Handout(8).room_ahead == 0


@pytest.mark.parametrize(("seconds", "room"), [(0, AHEAD), (0.001, AHEAD), (0.02, 20), (0.1, 4), (1.0, 0), (30.0, 0)])
async def test_the_longer_workers_take_the_less_is_claimed_ahead(
    autojump_clock: MockClock, seconds: float, room: int
) -> None:
    hands = Handout(8)
    await worked(hands, seconds)
    assert hands.room_ahead == pytest.approx(room, abs=1)


async def test_a_slow_one_is_noticed_at_once_and_forgotten_slowly(autojump_clock: MockClock) -> None:
    hands = Handout(8)
    await worked(hands, 0)
    await worked(hands, 0.2)
    assert hands.room_ahead == pytest.approx(2, abs=1)
    await worked(hands, 10)
    assert hands.room_ahead == 0
    await worked(hands, 0)
    assert hands.room_ahead == 0
    for _ in range(60):
        await worked(hands, 0)
    assert hands.room_ahead == AHEAD


async def test_busy_workers_leave_less_room_and_none_where_all_are_busy(autojump_clock: MockClock) -> None:
    hands = Handout(2)
    await worked(hands, 0.01)
    assert hands.room_ahead == 10
    for seq in (1, 2):
        hands.offer(claimed(seq))
    assert hands.room_ahead == 8
    await hands.next("crew")
    assert hands.room_ahead == 4
    await hands.next("crew")
    assert hands.room_ahead == 0


async def test_what_waits_too_long_can_be_called_back(autojump_clock: MockClock) -> None:
    hands = Handout(1)
    assert hands.overdue_at == float("inf")
    hands.offer(claimed(1))
    overdue_at = trio.current_time() + PATIENCE
    await trio.sleep(0.5)
    hands.offer(claimed(2))
    assert hands.overdue_at == overdue_at
    assert [held.claim.seq for held in hands.recall()] == [1, 2]
    assert not hands.anything_ahead
    assert hands.overdue_at == float("inf")


async def test_others_have_their_turn_while_much_is_at_hand() -> None:
    hands, turns = Handout(1), 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        for seq in range(3 * STRAIGHT):
            hands.offer(claimed(seq))
        for _ in range(3 * STRAIGHT):
            held = await hands.next("crew")
            assert held is not None
            hands.let_go(held)
        nursery.cancel_scope.cancel()
    assert turns >= 2


async def test_a_cancelled_worker_takes_nothing_however_much_is_at_hand() -> None:
    hands = Handout(1)
    hands.offer(claimed(1))
    with trio.CancelScope() as scope:
        scope.cancel()
        await hands.next("crew")
    assert scope.cancelled_caught
    assert (hands.busy, hands.anything_ahead) == (0, True)


async def test_a_worker_that_is_dismissed_while_others_have_their_turn_does_not_wait_for_more(
    autojump_clock: MockClock,
) -> None:
    hands, dismissed = Handout(1), False

    async def work() -> None:
        while not dismissed and (held := await hands.next("crew")) is not None:
            hands.let_go(held)

    for seq in range(10 * STRAIGHT):
        hands.offer(claimed(seq))
    with trio.fail_after(1):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            await trio.lowlevel.checkpoint()
            assert hands.anything_ahead, "the worker lets others have their turn"
            dismissed = True
            hands.dismiss("crew")
            hands.recall()


async def test_a_worker_that_is_cancelled_while_others_have_their_turn_leaves_what_it_took(
    autojump_clock: MockClock,
) -> None:
    hands = Handout(1)
    hands.offer(claimed(1))
    for _ in range(STRAIGHT):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hands.next, "crew")
            nursery.cancel_scope.cancel()
        assert (hands.busy, hands.anything_ahead) == (0, True)

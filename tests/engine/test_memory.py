"""The small state of conversations: one for each, or one for all, changed by one at a time."""

from __future__ import annotations

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trio_bridge.engine.memory import SHARED, Memory, state_scope
from trio_bridge.stores.memory import MemoryStore


async def memory(*, shared: bool) -> Memory:
    return Memory(await MemoryStore().open_account("a", platform="fake"), shared=shared)


async def test_a_state_is_its_lane_s_own_or_everybody_s() -> None:
    own, everybodys = await memory(shared=False), await memory(shared=True)
    assert [own.scope(lane) for lane in "ab"] == [state_scope("a"), state_scope("b")]
    assert [everybodys.scope(lane) for lane in "ab"] == [SHARED, SHARED]
    assert SHARED not in (state_scope(""), state_scope(SHARED))


async def test_own_states_are_changed_side_by_side_and_a_shared_one_in_turn(autojump_clock: MockClock) -> None:
    for shared, takes in ((False, 1.0), (True, 3.0)):
        subject, begun = await memory(shared=shared), trio.current_time()

        async def change(who: str, subject: Memory = subject) -> None:
            async with subject.changing(who):
                await trio.sleep(1)

        async with trio.open_nursery() as nursery:
            for who in "abc":
                nursery.start_soon(change, who)
        assert trio.current_time() - begun == takes


async def test_who_is_cancelled_while_it_waits_has_had_no_turn(autojump_clock: MockClock) -> None:
    subject = await memory(shared=True)
    async with subject.changing("a"):
        with trio.move_on_after(1):
            async with subject.changing("b"):
                raise AssertionError("it is the turn of another")
    with trio.fail_after(1):
        async with subject.changing("c"):
            pass


async def test_a_turn_that_was_passed_on_ends_once(autojump_clock: MockClock) -> None:
    subject, release = await memory(shared=True), trio.Event()

    async def stuck() -> None:
        async with subject.changing("stuck"):
            await release.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stuck)
        await wait_all_tasks_blocked()
        subject.pass_on("nobody")
        subject.pass_on("stuck")
        async with subject.changing("next"):
            release.set()
            await wait_all_tasks_blocked()
            with trio.move_on_after(1) as limit:
                async with subject.changing("third"):
                    pass
            assert limit.cancelled_caught, "the end of the stuck one ends nobody else's turn"

"""No API and no conversation is called faster than Feishu takes it, and nobody is passed over."""

from __future__ import annotations

import pytest
import trio

from trio_bridge.errors import NotSent
from trio_bridge.platforms.feishu.rest import limits
from trio_bridge.platforms.feishu.rest.codes import CHAT_FREQUENCY, FREQUENCY, MESSAGES, Outcome
from trio_bridge.platforms.feishu.rest.limits import Limits, Pace, Window


def outcome(code: int = 0, *, asked: float | None = None) -> Outcome:
    category = "throttled" if code else "ok"
    return Outcome(category=category, method="POST", route=MESSAGES, status=400, code=code, retry_after=asked)


async def taken(pace: Limits | Pace, count: int, chat: str = "") -> list[float]:
    """When each of so many callers, who all come now, is let through; in the order in which they came."""
    begun = trio.current_time()
    times = [0.0] * count

    async def caller(number: int) -> None:
        await (pace.take() if isinstance(pace, Pace) else pace.take("POST", MESSAGES, chat))
        times[number] = round(trio.current_time() - begun, 3)

    async with trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(caller, number)
            await trio.testing.wait_all_tasks_blocked()
    return times


async def test_a_conversation_takes_four_messages_in_any_second(autojump_clock: trio.abc.Clock) -> None:
    assert await taken(Limits(4.0), 9, "oc_1") == [0, 0, 0, 0, 1, 1, 1, 1, 2]


@pytest.mark.parametrize(("rate", "expected"), [(2.5, [0, 0, 0.8, 0.8]), (0.5, [0, 2, 4, 6]), (1.0, [0, 1, 2, 3])])
async def test_any_rate_is_kept(autojump_clock: trio.abc.Clock, rate: float, expected: list[float]) -> None:
    assert await taken(Limits(rate), 4, "oc_1") == expected


async def test_conversations_don_t_wait_for_each_other(autojump_clock: trio.abc.Clock) -> None:
    paces = Limits(1.0)
    await taken(paces, 2, "oc_1")
    assert await taken(paces, 1, "oc_2") == [0]


async def test_an_api_takes_so_many_calls_in_a_second_and_in_a_minute(autojump_clock: trio.abc.Clock) -> None:
    times = await taken(Limits(4.0), 1000)
    assert times == sorted(times)
    for most, seconds in ((limits.PER_SECOND, 1.0), (limits.PER_MINUTE, 60.0)):
        assert all(later - earlier >= seconds - 0.001 for earlier, later in zip(times, times[most:], strict=False))
    assert times[-1] < 61 + 2


async def test_apis_don_t_wait_for_each_other(autojump_clock: trio.abc.Clock) -> None:
    paces = Limits(4.0)
    paces.note(outcome(FREQUENCY, asked=4))
    await paces.take("GET", MESSAGES)
    await paces.take("POST", "/other")
    assert trio.current_time() == 0
    await paces.take("POST", MESSAGES)
    assert trio.current_time() == 4


async def test_whoever_gives_up_costs_the_others_nothing(autojump_clock: trio.abc.Clock) -> None:
    pace = Pace(Window(1, 10.0))
    await pace.take()
    with trio.move_on_after(5):
        await pace.take()
    await pace.take()
    assert trio.current_time() == 10


async def test_a_rest_that_was_asked_for_holds_for_those_who_wait_already(autojump_clock: trio.abc.Clock) -> None:
    paces = Limits(1.0)
    async with trio.open_nursery() as nursery:
        await paces.take("POST", MESSAGES, "oc_1")
        nursery.start_soon(paces.take, "POST", MESSAGES, "oc_1")
        await trio.sleep(0.5)
        assert paces.note(outcome(CHAT_FREQUENCY, asked=3.0), "oc_1").retry_after == 3.0
    assert trio.current_time() == 3.5


async def test_a_message_too_many_rests_its_conversation_alone(autojump_clock: trio.abc.Clock) -> None:
    paces = Limits(4.0)
    assert paces.note(outcome(CHAT_FREQUENCY), "oc_1").retry_after == 1.0
    await paces.take("POST", MESSAGES, "oc_2")
    assert trio.current_time() == 0
    await paces.take("POST", MESSAGES, "oc_1")
    assert trio.current_time() == 1


async def test_a_call_too_many_rests_the_api_for_all_conversations(autojump_clock: trio.abc.Clock) -> None:
    paces = Limits(4.0)
    paces.note(outcome(FREQUENCY, asked=3.0), "oc_1")
    await paces.take("POST", MESSAGES, "oc_2")
    assert trio.current_time() == 3


async def test_a_rest_of_unsaid_length_doubles_and_begins_anew(autojump_clock: trio.abc.Clock) -> None:
    paces = Limits(4.0)
    rests = []
    for _ in range(7):
        rests.append(paces.note(outcome(FREQUENCY)).retry_after)
        await trio.sleep(30)
    assert rests == [1, 2, 4, 8, 16, 30, 30]
    paces.note(outcome())
    assert paces.note(outcome(FREQUENCY)).retry_after == 1


async def test_refusals_of_the_same_moment_are_one(autojump_clock: trio.abc.Clock) -> None:
    paces = Limits(4.0)
    assert [paces.note(outcome(FREQUENCY)).retry_after for _ in range(5)] == [1.0] * 5
    paces.note(outcome())  # under way since before
    await trio.sleep(1)
    assert paces.note(outcome(FREQUENCY)).retry_after == 2


async def test_a_long_rest_is_told_instead_of_waited_for(autojump_clock: trio.abc.Clock) -> None:
    paces = Limits(4.0)
    paces.note(outcome(FREQUENCY, asked=52))
    await trio.sleep(2)
    with pytest.raises(NotSent) as raised:
        await paces.take("POST", MESSAGES)
    assert raised.value.retry_after == 50
    await trio.sleep(46)
    await paces.take("POST", MESSAGES)
    assert trio.current_time() == 52


async def test_no_rest_is_endless(autojump_clock: trio.abc.Clock) -> None:
    assert Limits(4.0).note(outcome(FREQUENCY, asked=86_400)).retry_after == limits.LONGEST_ASKED


async def test_a_conversation_is_not_forgotten_too_soon(autojump_clock: trio.abc.Clock) -> None:
    paces = Limits(1.0)
    for chat in ("oc_1", "oc_2", "oc_1"):
        await paces.take("POST", MESSAGES, chat)
    assert trio.current_time() == 1


async def test_a_slow_conversation_is_remembered_for_as_long_as_it_matters(autojump_clock: trio.abc.Clock) -> None:
    paces = Limits(0.01)
    await paces.take("POST", MESSAGES, "oc_1")
    await trio.sleep(70)
    await paces.take("POST", MESSAGES, "oc_2")
    await paces.take("POST", MESSAGES, "oc_1")
    assert trio.current_time() == 100


async def test_conversations_that_begin_at_once_are_told_apart(autojump_clock: trio.abc.Clock) -> None:
    paces = Limits(1.0)
    times: list[float] = []

    async def caller(chat: str) -> None:
        await paces.take("POST", MESSAGES, chat)
        if chat == "oc_1":
            times.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for number in range(2, 7):
            nursery.start_soon(caller, "oc_1")
            nursery.start_soon(caller, f"oc_{number}")
    assert times == [0, 1, 2, 3, 4]


async def test_idle_conversations_are_forgotten_and_others_are_not(autojump_clock: trio.abc.Clock) -> None:
    paces = Limits(4.0)
    for number in range(50):
        await paces.take("GET", f"/written/with/{number}", f"oc_{number}")
    paces.note(outcome(CHAT_FREQUENCY, asked=200), "oc_0")
    await trio.sleep(100)
    await paces.take("POST", MESSAGES, "oc_new")
    assert set(paces._chats._known) == {"oc_0", "oc_new"}
    assert len(paces._apis._known) == 1
    with pytest.raises(NotSent):
        await paces.take("POST", MESSAGES, "oc_0")

"""The mark on messages that are thought about: when it comes, that it goes, and what it never costs."""

from __future__ import annotations

import gc
import weakref
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.platforms.dingtalk.stage import Listener, Stage, simulated, tasks_of
from trio_bridge.gateways.calls import Answer, Script
from trio_bridge.messages import Message
from trio_bridge.platforms.dingtalk.gateway.emotion import RECALL, REPLY
from trio_bridge.platforms.dingtalk.gateway.ledger import Pushed
from trio_bridge.platforms.dingtalk.thinking import ERRORS, LAST_LIMIT, LIMIT, NAME

REFUSED = Answer(status=403, body=b'{"code":"Forbidden","message":"not for you"}')
HANGS = Answer(ending="hang")


def marks(stage: Stage) -> list[tuple[bool, float]]:
    """What was put on and taken off, and when, to a hundredth of a second."""
    return [(mark.on, round(mark.at, 2)) for mark in stage.dingtalk.rest.emotions.history]


def asked(stage: Stage) -> tuple[int, int]:
    """Calls that put on, calls that take off."""
    return stage.dingtalk.rest.calls[REPLY], stage.dingtalk.rest.calls[RECALL]


@pytest.mark.parametrize("conversation", [None, "cidTeam"])
async def test_a_message_is_marked_after_a_second_and_until_its_handler_ends(
    conversation: str | None, autojump_clock: MockClock
) -> None:
    async with simulated() as stage, stage.account(Listener(takes=5)) as account:
        await account.wait_ready()
        begun = trio.current_time()
        pushed = await stage.dingtalk.say("hello", conversation=conversation)
        await trio.sleep(2)
        assert stage.dingtalk.rest.emotions.on(pushed.letter.key) == [NAME]
        await trio.sleep(10)
        assert marks(stage) == [(True, begun + 1), (False, begun + 5)]


@pytest.mark.parametrize("takes", [0, 0.9])
async def test_a_quick_answer_costs_no_call(takes: float, autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(Listener(takes=takes)) as account:
        await account.wait_ready()
        for _ in range(20):
            await stage.dingtalk.wait_replied(await stage.dingtalk.say("hello"))
        await trio.sleep(10)
        assert asked(stage) == (0, 0)


async def test_a_slow_answer_after_quick_ones_is_marked(autojump_clock: MockClock) -> None:
    async def handler(message: Message) -> None:
        await trio.sleep(float(message.text))

    async with simulated() as stage, stage.account(handler) as account:
        await account.wait_ready()
        for takes in (0, 0, 3, 0, 3):
            await stage.dingtalk.say(str(takes))
            await trio.sleep(5)
        assert [on for on, _ in marks(stage)] == [True, False] * 2


async def test_each_of_many_is_marked_in_its_own_time_by_one_watcher(autojump_clock: MockClock) -> None:
    async def handler(message: Message) -> None:
        await trio.sleep(float(message.text))

    async with simulated() as stage, stage.account(handler) as account:
        await account.wait_ready()
        begun, pushed = trio.current_time(), list[Pushed]()
        for index, takes in enumerate((0.5, 3, 0.1, 1.5, 7)):
            pushed.append(await stage.dingtalk.say(str(takes), sender=f"p{index}"))
            await trio.sleep(0.25)
        assert [name for name in tasks_of(account.name) if name.endswith("/thinking")] == ["dingtalk:dingtalk/thinking"]
        await trio.sleep(20)
        history = [(mark.on, mark.msg_id, mark.at - begun) for mark in stage.dingtalk.rest.emotions.history]
        slow = [pushed[index].letter.key for index in (1, 3, 4)]
        assert history == [
            (True, slow[0], 1.25),
            (True, slow[1], 1.75),
            (True, slow[2], 2.0),
            (False, slow[1], 2.25),
            (False, slow[0], 3.25),
            (False, slow[2], 8.0),
        ]


async def test_a_handler_that_fails_is_unmarked_and_marked_again(autojump_clock: MockClock) -> None:
    async def handler(message: Message) -> None:
        await trio.sleep(3)
        raise ValueError("no")

    async with simulated() as stage, stage.account(handler, max_attempts=2) as account:
        await account.wait_ready()
        await stage.dingtalk.say("hello")
        await trio.sleep(60)
        assert [on for on, _ in marks(stage)] == [True, False, True, False]


async def test_the_key_the_gate_and_a_message_without_ids_switch_it_off(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        for tuning in ({"thinking_emotion": False}, {"allowed_users": ["li"]}):
            async with stage.account(Listener(takes=5), **tuning) as account:
                await account.wait_ready()
                await stage.dingtalk.say("hello")
                await trio.sleep(20)
        async with stage.account(Listener(takes=5)) as account:
            await account.wait_ready()
            await stage.dingtalk.say("hello", changes={"msgId": None})
            await trio.sleep(20)
        assert asked(stage) == (0, 0)


# What it never costs


async def test_neither_the_answer_nor_the_next_message_waits_for_it(autojump_clock: MockClock) -> None:
    listener = Listener(takes=2)
    async with simulated() as stage, stage.account(listener) as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.add(REPLY, HANGS, HANGS)
        begun = trio.current_time()
        first = await stage.dingtalk.say("one")
        await stage.dingtalk.say("two")
        await stage.dingtalk.wait_replied(first)
        assert trio.current_time() - begun == pytest.approx(2)
        await trio.sleep(2)
        assert listener.heard == ["one", "two"]
        await trio.sleep(20)
        assert asked(stage) == (2, 2), "nobody knows whether they were marked: so they are unmarked"


@pytest.mark.parametrize("answer", [REFUSED, HANGS, Answer(body=b"<html>"), Answer(status=500)])
async def test_after_three_errors_in_a_row_there_are_no_more_calls_and_one_line_in_the_log(
    answer: Answer, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async with simulated() as stage, stage.account(Listener(takes=2)) as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.add(REPLY, *[answer] * 20)
        stage.dingtalk.rest.scripts.add(RECALL, *[answer] * 20)
        for _ in range(8):
            await stage.dingtalk.wait_replied(await stage.dingtalk.say("hello"))
            await trio.sleep(20)
        said = [record for record in caplog.records if "thought about" in record.message]
        assert len(said) == 1
        assert ERRORS <= sum(asked(stage)) <= ERRORS + 1
        assert account.counters.handled == 8
        assert account.alarms == frozenset()


async def test_what_waits_for_its_mark_when_they_are_given_up_gets_none(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(Listener(takes=5)) as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.add(REPLY, *[REFUSED] * ERRORS)
        for index in range(ERRORS):
            await stage.dingtalk.say("hello", sender=f"p{index}")
        await trio.sleep(0.5)
        await stage.dingtalk.say("hello", sender="late")
        await trio.sleep(20)
        assert asked(stage) == (ERRORS, 0)


async def test_a_mark_of_which_nobody_knows_is_taken_off(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(Listener(takes=5)) as account:
        await account.wait_ready()
        stage.dingtalk.rest.scripts.add(REPLY, Script(answer=Answer(body=b"<html>"), carried_out=True))
        await stage.dingtalk.say("hello")
        await trio.sleep(20)
        assert [on for on, _ in marks(stage)] == [True, False]


async def test_an_error_now_and_then_changes_nothing(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(Listener(takes=2)) as account:
        await account.wait_ready()
        for _ in range(5):
            stage.dingtalk.rest.scripts.add(REPLY, REFUSED)
            for _ in range(2):
                await stage.dingtalk.wait_replied(await stage.dingtalk.say("hello"))
        await trio.sleep(10)
        assert asked(stage) == (10, 5)


async def test_nothing_is_kept_of_messages_that_are_through(autojump_clock: MockClock) -> None:
    messages = list[weakref.ref[Message]]()

    async def handler(message: Message) -> None:
        messages.append(weakref.ref(message))
        await trio.sleep(float(message.text))

    async with simulated() as stage, stage.account(handler, handler_timeout=2.5, max_attempts=1) as account:
        await account.wait_ready()
        for index, takes in enumerate((0, 0.5, 2, 3)):
            await stage.dingtalk.say(str(takes), sender=f"p{index}")
        await trio.sleep(20)
        gc.collect()
        assert [message() for message in messages] == [None] * 4


# Ends


@pytest.mark.parametrize("answer", [None, HANGS])
async def test_what_is_cut_off_is_unmarked_and_nobody_waits_long_for_that(
    answer: Answer | None, autojump_clock: MockClock
) -> None:
    async with simulated() as stage, stage.account(Listener(takes=500)) as account:
        await account.wait_ready()
        await stage.dingtalk.say("hello")
        await trio.sleep(5)
        if answer is not None:
            stage.dingtalk.rest.scripts.add(RECALL, answer, answer)
        begun = trio.current_time()
        account.wish_stopped()
        assert await account.wait_stopped(1.0)
        assert trio.current_time() - begun <= LAST_LIMIT
        await wait_all_tasks_blocked()
        assert tasks_of(account.name) == []
        assert (marks(stage)[-1][0] is False) is (answer is None)


async def test_a_lost_connection_changes_nothing_and_a_time_limit_ends_it(autojump_clock: MockClock) -> None:
    tuning: dict[str, Any] = {"handler_timeout": 20, "max_attempts": 1}
    async with simulated() as stage, stage.account(Listener(takes=500), **tuning) as account:
        await account.wait_ready()
        begun = trio.current_time()
        await stage.dingtalk.say("hello")
        await trio.sleep(5)
        stage.dingtalk.connections[-1].drop()
        await trio.sleep(60)
        assert marks(stage) == [(True, begun + 1), (False, begun + 20)]


async def test_a_slow_mark_is_taken_off_when_it_is_there(autojump_clock: MockClock) -> None:
    """The handler ends while the call is under way: they don't overtake each other."""
    async with simulated() as stage, stage.account(Listener(takes=2)) as account:
        await account.wait_ready()
        slowly = Answer(body=[b'{"success"', b":tr", b"ue}"], pace=1)
        stage.dingtalk.rest.scripts.add(REPLY, Script(answer=slowly, carried_out=True))
        await stage.dingtalk.say("hello")
        await trio.sleep(LIMIT + 5)
        assert marks(stage) == [(True, 1), (False, 4)]


# Cards


async def test_an_answer_that_grows_in_a_card_needs_no_mark(autojump_clock: MockClock) -> None:
    async def at_once(message: Message) -> AsyncIterator[str]:
        yield "well"
        await trio.sleep(5)
        yield ", well"

    async with simulated() as stage, stage.account(at_once, reply_mode="card") as account:
        await account.wait_ready()
        await stage.dingtalk.say("hello")
        await trio.sleep(30)
        assert asked(stage) == (0, 0)


async def test_a_mark_goes_when_the_answer_begins_to_grow(autojump_clock: MockClock) -> None:
    async def later(message: Message) -> None:
        await trio.sleep(3)
        async with message.stream() as out:
            await out.write("well")
            await trio.sleep(5)

    async with simulated() as stage, stage.account(later, reply_mode="card") as account:
        await account.wait_ready()
        begun = trio.current_time()
        await stage.dingtalk.say("hello")
        await wait_all_tasks_blocked()
        await trio.sleep(30)
        assert marks(stage) == [(True, begun + 1), (False, pytest.approx(begun + 3, abs=0.5))]

"""What is said around a handler: at its beginning, where it says nothing, where its message is given up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.dingtalk.stage import Listener, simulated
from trio_bridge.bots.gate.gate import Gate
from trio_bridge.bots.manners import SORRY
from trio_bridge.errors import StoreUnavailable
from trio_bridge.messages import Message
from trio_bridge.platforms.dingtalk.gateway.rest import DIRECT, GROUP
from trio_bridge.stores.memory import MemoryAccount, MemoryStore

ASYNC: dict[str, Any] = {"async_mode": True, "ack_text": "taken", "reply_mode": "text", "at_sender": False}


async def nothing(message: Message) -> None:
    """Says nothing."""


async def blank(message: Message) -> str:
    return " \n"


async def empty_reply(message: Message) -> None:
    await message.reply("")


async def empty_stream(message: Message) -> AsyncIterator[str]:
    yield ""


async def only_state(message: Message) -> None:
    async with message.transaction() as tx:
        tx.state["n"] = 1


async def returns(message: Message) -> str:
    return "fine"


async def replies(message: Message) -> None:
    await message.reply("fine")


async def streams(message: Message) -> AsyncIterator[str]:
    yield "fine"


async def commits(message: Message) -> None:
    async with message.transaction():
        await message.reply("fine")


async def fails(message: Message) -> None:
    raise ValueError("no")


# async_mode


@pytest.mark.parametrize(("conversation", "path"), [(None, DIRECT), ("cidTeam", GROUP)])
async def test_with_async_mode_a_message_is_taken_at_once_and_answered_by_the_api(
    conversation: str | None, path: str, autojump_clock: MockClock
) -> None:
    listener = Listener(takes=60)
    tuning: dict[str, Any] = {**ASYNC, "thinking_emotion": False}
    async with simulated() as stage, stage.account(listener, **tuning) as account:
        await account.wait_ready()
        pushed = await stage.dingtalk.say("hello", conversation=conversation)
        await stage.dingtalk.wait_replied(pushed, 2)
        taken, answer = stage.dingtalk.sent
        assert [taken.text, answer.text] == ["taken", "you said hello"]
        assert taken.at < 1
        assert answer.at - taken.at == pytest.approx(60)
        assert {sent.via for sent in stage.dingtalk.sent} == {"direct" if conversation is None else "group"}
        assert stage.dingtalk.rest.calls[path] == 2


async def test_an_outsider_is_answered_by_webhook_also_with_async_mode(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(returns, **ASYNC) as account:
        await account.wait_ready()
        pushed = await stage.dingtalk.say("hello", changes={"senderStaffId": None})
        await stage.dingtalk.wait_replied(pushed, 2)
        assert {sent.via for sent in stage.dingtalk.sent} == {"webhook"}


async def test_what_is_said_around_a_handler_is_said_once_and_shifts_none_of_its_replies(
    autojump_clock: MockClock,
) -> None:
    """It fails after its first reply: that one is not said again, and the second one is said."""
    runs: list[str] = []

    async def handler(message: Message) -> None:
        runs.append(message.id)
        await message.reply(f"one of run {len(runs)}")
        if len(runs) < 3:
            raise ValueError("not yet")
        await message.reply(f"two of run {len(runs)}")

    store = MemoryStore()
    async with simulated() as stage, stage.account(handler, store=store, **ASYNC) as account:
        await account.wait_ready()
        pushed = await stage.dingtalk.say("hello")
        await trio.sleep(100)
        assert [sent.text for sent in stage.dingtalk.sent] == ["taken", "one of run 1", "two of run 3"]
        kept = await store.open_account(account.name, platform="dingtalk")
        rows = await kept.outgoing(["sent"])
        assert [row.key.rpartition("/")[2] for row in rows] == ["begun", "1", "2"]
        assert {row.key.rpartition("/")[0] for row in rows} == {pushed.letter.key}


@pytest.mark.parametrize(("keys", "texts"), [({}, []), ({"ack_text": "taken"}, []), ({**ASYNC, "ack_text": ""}, [])])
async def test_the_ack_belongs_to_async_mode_and_may_be_silence(
    keys: dict[str, Any], texts: list[str], autojump_clock: MockClock
) -> None:
    async with simulated() as stage, stage.account(nothing, **keys) as account:
        await account.wait_ready()
        await stage.dingtalk.say("hello")
        await trio.sleep(10)
        assert [sent.text for sent in stage.dingtalk.sent] == texts


async def test_who_is_not_heard_is_not_told_that_a_message_was_taken(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(returns, allowed_users=["li"], dm_policy="open", **ASYNC) as account:
        await account.wait_ready()
        await stage.dingtalk.say("hello", sender="mei")
        await stage.dingtalk.wait_replied(await stage.dingtalk.say("/new", sender="li"))
        await trio.sleep(10)
        assert len(stage.dingtalk.sent) == 1, "a command is carried out at once, there is nothing to wait for"


async def test_an_ack_that_can_t_be_kept_costs_its_message_nothing(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*args: object, **kwargs: object) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(MemoryAccount, "enqueue", away)
    async with simulated() as stage, stage.account(returns, **ASYNC) as account:
        await account.wait_ready()
        pushed = await stage.dingtalk.say("hello")
        await stage.dingtalk.wait_replied(pushed)
        assert [sent.text for sent in stage.dingtalk.sent] == ["fine"]
        assert account.counters.failed == 0


# empty_reply_text


@pytest.mark.parametrize("handler", [nothing, blank, empty_reply, empty_stream, only_state])
async def test_a_handler_that_says_nothing_is_spoken_for(handler: Any, autojump_clock: MockClock) -> None:
    store = MemoryStore()
    tuning: dict[str, Any] = {"reply_mode": "text", "store": store}
    async with simulated() as stage, stage.account(handler, empty_reply_text="hm", **tuning) as account:
        await account.wait_ready()
        pushed = await stage.dingtalk.say("hello")
        await stage.dingtalk.wait_replied(pushed)
        await trio.sleep(10)
        assert [sent.text for sent in stage.dingtalk.sent] == ["hm"]
        kept = await store.open_account(account.name, platform="dingtalk")
        assert "empty" in [row.key.rpartition("/")[2] for row in await kept.outgoing(["sent"])]
    store = MemoryStore()
    async with simulated() as stage, stage.account(handler, **{**tuning, "store": store}) as account:
        await account.wait_ready()
        await stage.dingtalk.say("hello")
        await trio.sleep(10)
        assert not stage.dingtalk.sent, "without a text there is silence"
        assert account.counters.handled == 1


@pytest.mark.parametrize("handler", [returns, replies, streams, commits])
async def test_a_handler_that_speaks_is_not_spoken_for(handler: Any, autojump_clock: MockClock) -> None:
    tuning: dict[str, Any] = {"reply_mode": "text", "empty_reply_text": "hm"}
    async with simulated() as stage, stage.account(handler, **tuning) as account:
        await account.wait_ready()
        await stage.dingtalk.wait_replied(await stage.dingtalk.say("hello"))
        await trio.sleep(10)
        assert [sent.text for sent in stage.dingtalk.sent] == ["fine"]


async def test_a_reset_and_a_message_that_is_not_heard_are_no_empty_answers(autojump_clock: MockClock) -> None:
    keys: dict[str, Any] = {"empty_reply_text": "hm", "reset_text": "", "allowed_users": ["li"]}
    async with simulated() as stage, stage.account(nothing, **keys) as account:
        await account.wait_ready()
        await stage.dingtalk.say("/new", sender="li")
        await stage.dingtalk.say("hello", sender="mei")
        await trio.sleep(10)
        assert not stage.dingtalk.sent


async def test_what_an_earlier_run_streamed_is_an_answer(autojump_clock: MockClock) -> None:
    runs: list[str] = []

    async def handler(message: Message) -> None:
        async with message.stream() as out:
            if not runs:
                await out.write("fine")
        runs.append(message.id)
        if len(runs) == 1:
            raise ValueError("not yet")

    async with simulated() as stage, stage.account(handler, reply_mode="text", empty_reply_text="hm") as account:
        await account.wait_ready()
        await stage.dingtalk.say("hello")
        await trio.sleep(60)
        assert len(runs) == 2
        assert [sent.text for sent in stage.dingtalk.sent] == ["fine"]


# error_text


@pytest.mark.parametrize(
    ("keys", "texts"),
    [
        ({}, []),
        ({"error_text": "sorry"}, ["sorry"]),
        ({"async_mode": True, "ack_text": ""}, [SORRY]),
        ({"async_mode": True, "ack_text": "", "error_text": ""}, []),
        (ASYNC | {"error_text": "sorry"}, ["taken", "sorry"]),
    ],
)
async def test_whoever_waits_is_told_that_a_message_was_given_up(
    keys: dict[str, Any], texts: list[str], autojump_clock: MockClock
) -> None:
    tuning: dict[str, Any] = {"reply_mode": "text", "max_attempts": 2, **keys}
    async with simulated() as stage, stage.account(fails, **tuning) as account:
        await account.wait_ready()
        await stage.dingtalk.say("hello")
        await trio.sleep(100)
        assert [sent.text for sent in stage.dingtalk.sent] == texts
        assert account.alarms == {"dead_letters"}


async def test_who_was_never_let_in_is_not_told_of_an_error(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(self: Gate, message: Message) -> bool:
        raise ValueError("no")

    monkeypatch.setattr(Gate, "admits", breaks)
    async with simulated() as stage, stage.account(returns, error_text="sorry", max_attempts=1) as account:
        await account.wait_ready()
        await stage.dingtalk.say("hello")
        await trio.sleep(10)
        assert account.alarms == {"dead_letters"}
        assert not stage.dingtalk.sent


async def test_a_handler_that_is_cut_off_by_its_time_limit_is_told_of_too(autojump_clock: MockClock) -> None:
    tuning: dict[str, Any] = {"handler_timeout": 5, "max_attempts": 1, "error_text": "sorry", "reply_mode": "text"}
    async with simulated() as stage, stage.account(Listener(takes=100), **tuning) as account:
        await account.wait_ready()
        await stage.dingtalk.wait_replied(await stage.dingtalk.say("hello"))
        assert [sent.text for sent in stage.dingtalk.sent] == ["sorry"]

"""Replies, state and completion in one moment."""

from __future__ import annotations

import copy

import pytest
import trio
from trio.testing import MockClock

from tests.engine.conftest import OpenFake
from tests.engine.fake import FakeServer
from trio_bridge.messages import Message
from trio_bridge.stores.memory import MemoryStore


async def test_a_transaction_commits_replies_state_and_completion(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def handler(message: Message) -> None:
        async with message.transaction() as tx:
            tx.state["count"] = tx.state.get("count", 0) + 1
            await message.reply(f"number {tx.state['count']}")
            await message.reply("and a second one")
            await trio.sleep(1)
            assert not [key for key, _ in server.answers if key.startswith(message.id)]
        raise RuntimeError("after the commit: logged, not run again")

    store = MemoryStore()
    async with open_fake(handler, store=store) as account:
        link = await server.connection()
        for key in ("m1", "m2"):
            link.push(key)
        link.push("other", lane="other")
        await trio.sleep(200)
        assert account.counters.failed == 0
        assert account.counters.handled == 3
        assert not account.alarms
    assert [text for key, text in server.answers if key.startswith("m")] == [
        "number 1",
        "and a second one",
        "number 2",
        "and a second one",
    ]
    assert ("other/1", "number 1") in server.answers
    assert len(server.answers) == 6


async def test_what_fails_inside_discards_everything(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    runs: list[int] = []

    async def handler(message: Message) -> None:
        runs.append(1)
        async with message.transaction() as tx:
            assert "seen" not in tx.state
            tx.state["seen"] = True
            receipt = await message.reply(f"run {len(runs)}")
            assert receipt.state == "open"
            if len(runs) == 1:
                raise RuntimeError("before the commit")
        await receipt.wait_sent()

    async with open_fake(handler) as account:
        (await server.connection()).push("m1")
        await trio.sleep(100)
        assert account.counters.failed == 1
    assert server.answers == [("m1/1", "run 2")]


async def test_state_can_be_changed_in_depth_and_deleted(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    seen: list[object] = []

    async def handler(message: Message) -> None:
        async with message.transaction() as tx:
            seen.append(copy.deepcopy(tx.state))
            if message.id == "m1":
                tx.state["history"] = ["a"]
                tx.state["gone"] = 1
            elif message.id == "m2":
                tx.state["history"].append("b")
                del tx.state["gone"]

    async with open_fake(handler):
        link = await server.connection()
        for key in ("m1", "m2", "m3"):
            link.push(key)
        await trio.sleep(1)
    assert seen == [{}, {"history": ["a"], "gone": 1}, {"history": ["a", "b"]}]


@pytest.mark.parametrize("what", ["stream", "second", "nested"])
async def test_what_a_transaction_is_not(
    what: str, autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    raised: list[str] = []

    async def handler(message: Message) -> None:
        try:
            async with message.transaction():
                if what == "stream":
                    async with message.stream():
                        pass
                if what == "nested":
                    async with message.transaction():
                        pass
            async with message.transaction():
                pass
        except RuntimeError as error:
            raised.append(str(error))

    async with open_fake(handler) as account:
        (await server.connection()).push("m1")
        await trio.sleep(1)
        assert len(raised) == 1
        assert account.counters.handled == 1


async def test_a_state_that_is_no_json_fails_the_handler_and_nothing_else(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def handler(message: Message) -> None:
        if message.id == "bad":
            async with message.transaction() as tx:
                tx.state["x"] = object()
        else:
            await message.reply("fine")

    async with open_fake(handler, max_attempts=1) as account:
        link = await server.connection()
        link.push("bad")
        link.push("good")
        await server.until(lambda: server.answers)
        assert account.counters.failed == 1
        assert account.generation == 1


async def test_a_reply_returned_by_the_handler_is_committed_with_the_completion(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def handler(message: Message) -> str:
        await message.reply("one")
        return "two"

    async with open_fake(handler):
        (await server.connection()).push("m1")
        await server.until(lambda: len(server.answers) == 2)
    assert server.answers == [("m1/1", "one"), ("m1/2", "two")]

"""What a handler that runs again finds: the state of its conversation, and what it had said. And when it runs again."""

from __future__ import annotations

import itertools

import pytest
import trio
from trio.testing import MockClock

from tests.engine.conftest import OpenFake
from tests.engine.fake import FakeServer
from trio_bridge.engine.outbox import ERROR_MARK
from trio_bridge.engine.store import NewOutgoing, Work
from trio_bridge.errors import ConnectionLost, RateLimited
from trio_bridge.messages import Message
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.wire.protocol import Delivery


async def test_the_state_can_be_read_before_the_transaction(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    seen: list[object] = []

    async def handler(message: Message) -> None:
        state = await message.load_state()
        seen.append(dict(state))
        state["only here"] = True
        async with message.transaction() as tx:
            tx.state["last"] = message.id
            assert await message.load_state() == {key: value for key, value in state.items() if key == "last"}

    async with open_fake(handler):
        link = await server.connection()
        link.push("m1")
        link.push("m2")
        link.push("elsewhere", lane="other")
        link.push("m3")
        await trio.sleep(1)
    assert seen.count({}) == 2
    assert [state for state in seen if state] == [{"last": "m1"}, {"last": "m2"}]


async def test_a_handler_learns_what_it_had_said_to_the_end(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    found: list[str | None] = []

    async def handler(message: Message) -> None:
        async with message.stream() as out:
            found.append(out.committed)
            await out.write(f"run {len(found)}")
            if len(found) == 1:
                raise RuntimeError("in the middle: nothing is committed")
        if len(found) == 2:
            raise RuntimeError("after the end")

    async with open_fake(handler):
        (await server.connection()).push("m1")
        await trio.sleep(100)
    assert found == [None, None, "run 2"]
    assert server.answers == [("m1/1", "run 2")]


async def test_what_was_said_to_the_end_is_not_marked_when_a_later_run_fails_there(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def handler(message: Message) -> None:
        async with message.stream() as out:
            if out.committed is not None:
                raise RuntimeError("and again")
            await out.write("whole")
        raise RuntimeError("after the end")

    async with open_fake(handler, max_attempts=2) as account:
        (await server.connection()).push("m1")
        await trio.sleep(100)
        assert account.alarms == {"dead_letters"}
    assert server.answers == [("m1/1", "whole")]


async def test_the_replay_of_a_message_whose_stream_was_given_up_is_seen(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    found: list[str | None] = []

    async def handler(message: Message) -> None:
        async with message.stream() as out:
            found.append(out.committed)
            await out.write("half" if len(found) == 1 else "whole")
            if len(found) == 1:
                raise RuntimeError("in the middle")
        if len(found) == 2:
            raise RuntimeError("after the end")

    store = MemoryStore()
    async with open_fake(handler, store=store, max_attempts=1):
        (await server.connection()).push("m1")
        await server.until(lambda: server.answers)
    assert await (await store.open_account("a", platform="fake")).replay("inbox", "m1")
    async with open_fake(handler, store=store, max_attempts=2):
        await trio.sleep(100)
    assert found == [None, None, "whole"]
    assert server.answers == [("m1/1", "half\n\n⚠ (interrupted)"), ("m1/2", "whole")]


class TheirError(Exception):
    retry_after = 1000.0


@pytest.mark.parametrize(
    ("error", "pause"),
    [
        (RateLimited("busy", retry_after=30), 33),
        (ConnectionLost("away", retry_after=10), 11),
        (RateLimited("busy"), 0.5),
        (RateLimited("busy", retry_after="30"), 0.5),  # type: ignore[arg-type]
        (RateLimited("busy", retry_after=float("nan")), 0.5),
        (TheirError(), 0.5),
    ],
)
async def test_a_handler_that_was_told_when_to_come_again_does_not_come_before(
    error: Exception, pause: float, autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    runs: list[float] = []

    async def handler(message: Message) -> None:
        runs.append(trio.current_time())
        raise error

    async with open_fake(handler, max_attempts=2) as account:
        (await server.connection()).push("m1")
        await trio.sleep(100)
        assert account.alarms == {"dead_letters"}
        assert account.generation == 1
    assert [late - early for early, late in itertools.pairwise(runs)] == pytest.approx([pause])


async def test_the_stream_of_a_message_that_is_buried_with_its_process_ends_with_a_mark(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    """It would be open for ever, and look as if somebody were writing."""
    store = MemoryStore()
    account = await store.open_account("sales", platform="fake")
    delivery = Delivery(key="m1", lane="lane", topic="", data="{}")
    done = await account.work(Work(now=0.0, accept=[delivery], room=1, room_bytes=100))
    await account.work(Work(now=0.0, claim=[done.accepted[0].seq]))
    for key in ("m1/1", "m2/1"):
        await account.enqueue([NewOutgoing(key, "lane", "lane", "", state="open")], now=1_790_000_000.0)
    async with open_fake(None, store=store, name="sales", max_attempts=1):
        await trio.sleep(10)
    assert server.answers == [("m1/1", ERROR_MARK)]
    assert [row.key for row in await account.outgoing(["open"])] == ["m2/1"]

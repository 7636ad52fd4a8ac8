"""What comes by calls to us, and not over a connection of ours."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import OpenFake
from tests.engine.fake import FakeServer
from trio_bridge.engine.answers import NotAnswered
from trio_bridge.engine.states import AccountState, Alarm
from trio_bridge.errors import AccountRefused, AccountStopped
from trio_bridge.messages import Message
from trio_bridge.stores.memory import MemoryAccount, MemoryStore
from trio_bridge.wire.protocol import Delivery


def delivery(key: str = "m1", **changes: object) -> Delivery:
    return Delivery(key, "talk", "fake", f'{{"text": "{key}"}}', **changes)  # type: ignore[arg-type]


async def test_an_account_that_is_only_called_is_ready_while_its_door_is_open(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    handled: list[str] = []

    async def handler(message: Message) -> str:
        handled.append(message.text)
        return f"re {message.text}"

    async with open_fake(handler, called=True) as account:
        await account.wait_ready()
        assert server.door is not None
        assert not server.connections
        assert await server.door.take(delivery())
        assert await server.door.take(delivery()), "a duplicate is stored already"
        await server.until(lambda: server.texts == ["re m1"])
        assert handled == ["m1"]
        counters = account.counters
        assert (counters.received, counters.stored, counters.duplicates, counters.acked) == (2, 1, 1, 2)
        await trio.sleep(10_000)
        assert (account.state, account.generation, account.alarms) == (AccountState.READY, 1, frozenset())
    assert server.door is None


async def test_what_can_not_be_stored_is_to_be_handed_in_again(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def handler(message: Message) -> None:
        await trio.sleep_forever()

    async with open_fake(handler, called=True, queue_size=8) as account:
        await account.wait_ready()
        assert server.door is not None
        taken = [await server.door.take(delivery(f"m{number}")) for number in range(12)]
        assert taken == [True] * 8 + [False] * 4, "the queue of a memory store is full"
        assert account.counters.shed == 4


async def test_a_door_beside_a_connection_feeds_the_same_inbox(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    handled: list[str] = []

    async def handler(message: Message) -> None:
        handled.append(message.id)

    async with open_fake(handler, door=True):
        link = await server.connection()
        assert server.door is not None
        link.push("m1")
        await wait_all_tasks_blocked()
        assert await server.door.take(delivery("m1"))
        link.lose()
        assert await server.door.take(delivery("m2")), "also while there is no connection"
        await server.connection(2)
        assert handled == ["m1", "m2"]


async def test_an_answer_is_given_in_time_or_is_the_empty_one(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def handler(message: Message) -> str:
        if message.text == "fails":
            raise ValueError("no")
        await trio.sleep(10 if message.text == "slow" else 0.1)
        return message.text

    async with open_fake(handler, called=True) as account:
        await account.wait_ready()
        door = server.door
        assert door is not None
        assert (await door.answer(delivery("quick", answer_within=2.0))) is not None
        begun = trio.current_time()
        assert (await door.answer(delivery("slow", answer_within=2.0))) is None
        assert trio.current_time() - begun == 2.0
        with pytest.raises(NotAnswered):
            await door.answer(delivery("fails", answer_within=2.0))
        assert account.counters.answered == 3
        assert account.counters.stored == 0


async def test_a_door_that_can_not_be_opened_is_the_accounts_refusal(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    def taken() -> None:
        raise AccountRefused("listen: 127.0.0.1:8712 is taken", kind="misconfigured", probe=30.0)

    server.on_door = taken
    async with open_fake(None, called=True) as account:
        with pytest.raises(AccountRefused, match="is taken"):
            await account.wait_ready()
        server.on_door = lambda: None
        await trio.sleep(31)
        await account.wait_ready()


async def test_nothing_connects_for_an_account_whose_door_can_not_be_opened(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def taken() -> None:
        await trio.sleep(1)
        raise AccountRefused("listen: 127.0.0.1:8712 is taken", kind="misconfigured", probe=30.0)

    server.on_door = taken
    async with open_fake(None, door=True) as account:
        await trio.sleep(100)
        assert not server.attempts
        server.on_door = lambda: None
        await trio.sleep(31)
        await account.wait_ready()


async def test_calls_do_not_hide_that_a_connection_brings_nothing(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(None, door=True) as account:
        for number in range(1, 6):
            link = await server.connection(number)
            assert server.door is not None
            assert await server.door.take(delivery(f"m{number}"))
            link.lose()
        await trio.sleep(1)
        assert account.alarms == {Alarm.STALLED}


async def test_calls_in_hand_are_through_before_the_door_is_closed(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    store = MemoryStore()
    async with open_fake(None, called=True, store=store) as account:
        await account.wait_ready()
        assert server.door is not None
        assert await server.door.take(delivery("m1"))
    assert server.door is None
    with pytest.raises(AccountStopped):
        await account.wait_ready()
    kept = await store.open_account("a", platform="fake", owner="", enabled=True)
    assert isinstance(kept, MemoryAccount)

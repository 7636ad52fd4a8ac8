"""What handlers, platforms and callers may do wrong. None of it loses a message, hangs, or runs hot."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import OpenFake, virtual_environment
from tests.engine.fake import Fake, FakePlatform, FakeProtocol, FakeServer
from tests.engine.test_promises import GatedStore
from trio_bridge.engine.dispatch import Dispatcher
from trio_bridge.engine.lanes import Lanes
from trio_bridge.engine.platform import Outgoing
from trio_bridge.errors import ConfigError
from trio_bridge.messages import Message
from trio_bridge.opening import open_bridge
from trio_bridge.stores.memory import MemoryStore


def bug(*_: Any) -> Any:
    raise KeyError("bug")


# Handlers


async def test_whoever_waits_for_a_reply_that_an_earlier_attempt_sent_is_told(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    runs: list[int] = []
    states: list[str] = []

    async def handler(message: Message) -> None:
        runs.append(1)
        if len(runs) == 1:
            await (await message.reply("first")).wait_sent()
            raise RuntimeError("after it was sent")
        async with message.transaction():
            receipt = await message.reply("second")
        with trio.move_on_after(60):
            await receipt.wait_sent()
        states.append(receipt.state)

    async with open_fake(handler):
        (await server.connection()).push("m1")
        await trio.sleep(100)
    assert states == ["sent"]
    assert server.answers == [("m1/1", "first")]


# Platforms


async def test_a_reply_that_ends_the_account_each_time_is_a_dead_letter_after_20_tries(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    tries: list[str] = []

    def fail(outgoing: Outgoing) -> None:
        tries.append(outgoing.reply.text)
        if outgoing.reply.text == "bad":
            raise KeyError("bug")

    server.on_send = fail
    async with open_fake(None, keyed=True) as account:
        await account.send("talk", "bad")
        await account.send("talk", "good")
        await trio.sleep(7200)
        assert tries == ["bad"] * 20 + ["good"]
        assert account.alarms == {"dead_letters"}


async def test_a_server_that_leaves_each_connection_at_once_gets_two_at_a_time(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def leave_all() -> None:
        number = 0
        while True:
            number += 1
            link = await server.connection(number)
            await trio.sleep(0.1)
            link.leave()

    most = 0
    async with open_fake(None), trio.open_nursery() as nursery:
        nursery.start_soon(leave_all)
        for _ in range(200):
            await trio.sleep(0.05)
            most = max(most, sum(link.closed_at is None for link in server.connections))
        nursery.cancel_scope.cancel()
    assert len(server.connections) > 5
    assert most == 2


async def test_what_the_reader_has_in_hand_when_the_connection_ends_is_stored(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    store = GatedStore()
    handled: list[str] = []

    async def handler(message: Message) -> None:
        handled.append(message.id)

    async with open_fake(handler, store=store) as account:
        link = await server.connection()
        store.gate.open = trio.Event()
        for index in range(18):  # one in the store, 16 on their way to it, and one that finds no room
            link.push(f"m{index}")
            await wait_all_tasks_blocked()
        account.wish_running(afresh=True)
        await wait_all_tasks_blocked()
        store.gate.open.set()
        await trio.sleep(5)
        counters = account.counters
        assert counters.received == counters.stored == 18
        assert len(handled) == 18
        assert link.sent == []


# Callers


async def test_two_accounts_of_one_name_are_a_configuration_error(server: FakeServer) -> None:
    with pytest.raises(ConfigError, match="two accounts"):
        async with open_bridge([Fake(server=server), Fake(server=server)], None):
            pass


async def test_of_two_that_add_the_same_account_one_is_refused(
    autojump_clock: MockClock, server: FakeServer, virtual_cap: None
) -> None:
    refused: list[str] = []
    async with open_bridge([], None, environment=virtual_environment()) as bridge:

        async def add() -> None:
            try:
                await bridge.add(Fake(server=server))
            except ConfigError as error:
                refused.append(str(error))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(add)
            nursery.start_soon(add)
        await trio.sleep(5)
        assert len(refused) == len(server.connections) == 1


async def test_an_account_that_is_started_while_it_is_removed_does_not_run_on_unseen(
    autojump_clock: MockClock, server: FakeServer, virtual_cap: None
) -> None:
    async with open_bridge([Fake(server=server)], None, environment=virtual_environment()) as bridge:
        await server.connection()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bridge.remove, "a")
            for _ in range(2):
                await trio.lowlevel.checkpoint()
            nursery.start_soon(bridge.start, "a")
        await trio.sleep(100)
        assert not bridge.accounts
        assert not any(link.is_open for link in server.connections)


def test_a_hundred_thousand_lanes_that_wait_cost_no_more_than_their_number() -> None:
    """Holding one back used to look through all that were ready: an account could not recover in hours."""
    lanes: Lanes[int] = Lanes()
    for number in range(100_000):
        lanes.add(f"lane{number}", number)
        lanes.hold_back(f"lane{number}", 1.0)
    assert lanes.lanes_ready == 0
    lanes.advance(1.0)
    assert lanes.lanes_ready == 100_000

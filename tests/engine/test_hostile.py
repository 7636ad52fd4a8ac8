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


async def test_what_a_handler_raises_when_it_is_cut_off_costs_no_attempt(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    runs: list[int] = []

    async def handler(message: Message) -> None:
        runs.append(1)
        if len(runs) == 1:
            try:
                await trio.sleep(1000)
            finally:
                raise ValueError("while cleaning up")

    async with open_fake(handler, max_attempts=1, drain_grace=5) as account:
        link = await server.connection()
        link.push("m1")
        await wait_all_tasks_blocked()
        link.lose()
        await trio.sleep(20)
        assert len(runs) == 2
        assert (account.counters.interrupted, account.counters.failed, account.counters.handled) == (1, 0, 1)


async def test_an_exception_that_cannot_be_shown_is_a_failure_like_any_other(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    async def handler(message: Message) -> None:
        raise Mute

    async with open_fake(handler, max_attempts=1) as account:
        (await server.connection()).push("m1")
        await trio.sleep(10)
        assert account.alarms == {"dead_letters"}
        assert account.generation == 1


async def test_of_two_transactions_at_a_time_the_second_is_refused(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    refused: list[str] = []

    async def handler(message: Message) -> None:
        async def transaction(text: str) -> None:
            try:
                async with message.transaction():
                    await message.reply(text)
                    await trio.sleep(1)
            except RuntimeError as error:
                refused.append(str(error))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(transaction, "one")
            nursery.start_soon(transaction, "two")

    async with open_fake(handler) as account:
        (await server.connection()).push("m1")
        await server.until(lambda: server.answers)
        assert refused == ["a message has one transaction"]
        assert len(server.answers) == account.counters.handled == 1


async def test_a_store_that_is_away_in_a_transaction_does_not_keep_the_bridge_from_ending(
    autojump_clock: MockClock, server: FakeServer, virtual_cap: None
) -> None:
    store = GatedStore()
    runs: list[str] = []

    async def handler(message: Message) -> None:
        runs.append(message.id)
        async with message.transaction():
            await message.reply("once")
            store.gate.failing = len(runs) == 1

    config = Fake(server=server)
    with trio.CancelScope() as scope:
        async with open_bridge([config], handler, store=store, environment=virtual_environment()):
            (await server.connection()).push("m1")
            await wait_all_tasks_blocked()
            cancelled_at = trio.current_time()
            scope.cancel("ctrl-c")
            await trio.sleep_forever()
    assert trio.current_time() - cancelled_at <= 15
    assert server.answers == []
    store.gate.failing = False
    async with open_bridge([config], handler, store=store, environment=virtual_environment()):
        await server.until(lambda: server.answers)
    assert server.answers == [("m1/1", "once")]
    assert runs == ["m1", "m1"]


async def test_a_transaction_that_is_committed_while_the_handler_is_cut_off_holds(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    store = GatedStore()
    runs: list[str] = []

    async def handler(message: Message) -> None:
        runs.append(message.id)
        async with message.transaction():
            await message.reply("once")
            store.gate.failing = True

    async with open_fake(handler, store=store, drain_grace=5) as account:
        link = await server.connection()
        link.push("m1")
        await wait_all_tasks_blocked()
        link.lose()
        await trio.sleep(6)
        store.gate.failing = False
        await server.until(lambda: server.answers)
        await trio.sleep(60)
        assert server.answers == [("m1/1", "once")]
        assert runs == ["m1"]
        assert (account.counters.handled, account.counters.interrupted) == (1, 0)


async def test_a_transaction_of_a_revoked_handler_that_was_committed_is_no_failure(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    """The store is away so long that the worker is given up; then it takes the transaction first."""
    store = GatedStore()
    told: list[str] = []

    async def handler(message: Message) -> None:
        with trio.CancelScope(shield=True):
            async with message.transaction():
                await message.reply("once")
                store.gate.failing = True
        told.append("committed")

    async with open_fake(handler, store=store, handler_timeout=10) as account:
        (await server.connection()).push("m1")
        await trio.sleep(31)
        assert "worker_stuck" in account.alarms
        store.gate.failing = False
        await trio.sleep(30)
        assert told == ["committed"]
        assert server.answers == [("m1/1", "once")]
        assert account.counters.failed == 0
        assert not account.alarms


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


@pytest.mark.parametrize("how", ["time limit", "SystemExit", "an earlier attempt", "an earlier life"])
async def test_a_stream_that_ended_badly_ends_with_a_mark_once_its_message_is_given_up(
    how: str, autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    runs: list[int] = []
    twice = how.startswith("an earlier")

    async def handler(message: Message) -> None:
        runs.append(1)
        if len(runs) == 2:
            raise RuntimeError("before it streams")
        async with message.stream() as out:
            await out.write("half an answer")
            if how == "SystemExit":
                raise SystemExit
            if how == "an earlier attempt":
                raise RuntimeError("in the middle")
            await trio.sleep(1000)

    store = MemoryStore()
    for life in range(1 + (how == "an earlier life")):
        async with open_fake(
            handler, store=store, handler_timeout=30, max_attempts=2 if how == "an earlier attempt" else 1
        ) as account:
            if not life:
                (await server.connection()).push("m1")
            await wait_all_tasks_blocked()
            if how == "an earlier life" and not life:
                account.wish_stopped()
                await account.wait_stopped(1)
                continue
            await trio.sleep(100)
    assert len(runs) == 1 + twice
    [(key, text)] = server.answers
    assert key == "m1/1"
    assert text.endswith("(interrupted)")


async def test_a_stream_that_a_plain_reply_took_the_place_of_is_not_marked(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    runs: list[int] = []

    async def handler(message: Message) -> str | None:
        runs.append(1)
        if len(runs) == 1:
            async with message.stream() as out:
                await out.write("half")
                raise RuntimeError("in the middle")
        if message.id == "returned":
            return "whole"
        await message.reply("whole")
        return None

    for number, key in enumerate(("returned", "replied"), start=1):
        runs.clear()
        async with open_fake(handler):
            (await server.connection(number)).push(key)
            await trio.sleep(100)
    assert server.texts == ["whole", "whole"]


# Platforms


async def test_a_target_that_fails_is_the_failure_of_its_message(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakePlatform, "target", bug)
    runs: list[str] = []

    async def handler(message: Message) -> str:
        runs.append(message.id)
        return "answer"

    async with open_fake(handler) as account:
        (await server.connection()).push("m1")
        await trio.sleep(600)
        assert len(runs) == 5
        assert account.generation == 1
        assert account.alarms == {"dead_letters"}


async def test_a_bug_in_a_workers_loop_makes_no_hot_loop(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        async with open_fake(None) as account:
            broken.setattr(Dispatcher, "handle", bug)
            (await server.connection()).push("m1")
            await trio.sleep(60)
            assert account.statistics().last_error is not None
            assert 2 <= account.generation <= 10


async def test_an_acknowledgement_that_fails_ends_the_connection_and_costs_nothing(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[str] = []

    async def handler(message: Message) -> None:
        runs.append(message.id)
        await trio.sleep(10)

    async with open_fake(handler, max_attempts=1) as account:
        first = await server.connection()
        first.push("m1")
        await wait_all_tasks_blocked()
        with monkeypatch.context() as broken:
            broken.setattr(FakeProtocol, "ack", bug)
            first.push("m2", lane="other")
            await wait_all_tasks_blocked()
        await server.connection(2)
        await trio.sleep(60)
        assert runs.count("m1") == 2, "cut off without grace"
        assert account.counters.failed == 0
        assert account.counters.handled == 2
        assert not account.alarms


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


async def test_the_gate_stands_before_answers_too(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def admits(platform: FakePlatform, message: Message) -> bool:
        return False

    monkeypatch.setattr(FakePlatform, "admits", admits)

    async def handler(message: Message) -> str:
        raise AssertionError("a stranger gets no handler")

    async with open_fake(handler) as account:
        link = await server.connection()
        ack = link.push("q", answer_within=2.0)
        await server.until(lambda: f"ack {ack}" in link.sent)
        assert account.counters.gated == 1
        assert account.counters.failed == 0


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

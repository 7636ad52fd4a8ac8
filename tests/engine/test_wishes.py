"""Accounts that are told what to do."""

from __future__ import annotations

import random
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import OpenFake, virtual_environment
from tests.engine.fake import Fake, FakeServer, raising
from trio_bridge.engine.states import AccountState
from trio_bridge.errors import (
    AccountStopped,
    HandshakeFailed,
)
from trio_bridge.messages import Message
from trio_bridge.opening import open_bridge
from trio_bridge.stores.memory import MemoryStore


async def test_start_stop_restart_add_remove(autojump_clock: MockClock, server: FakeServer, virtual_cap: None) -> None:
    async with open_bridge([Fake(server=server)], None, environment=virtual_environment()) as bridge:
        account = bridge.account("a")
        await account.wait_ready()
        await bridge.stop("a")
        assert account.state == "stopped"
        assert not server.connections[0].is_open
        await bridge.stop("a")
        with pytest.raises(AccountStopped):
            await account.wait_ready()
        await bridge.start("a")
        await bridge.start("a")
        await account.wait_ready()
        assert len(server.connections) == 2
        await bridge.restart("a")
        await server.connection(3)
        assert not server.connections[1].is_open
        other = FakeServer()
        added = await bridge.add(Fake(name="b", server=other))
        await added.wait_ready()
        assert list(bridge.accounts) == ["a", "b"]
        await bridge.remove("b")
        await bridge.remove("b")
        assert list(bridge.accounts) == ["a"]
        assert not other.connections[0].is_open


async def test_a_start_forgets_the_failures_and_tries_at_once(
    autojump_clock: MockClock, server: FakeServer, virtual_cap: None
) -> None:
    server.on_connect = raising(HandshakeFailed("refused", stage="tcp"))
    async with open_bridge([Fake(server=server)], None, environment=virtual_environment()) as bridge:
        await trio.sleep(400)
        tried = len(server.attempts)
        said_at = trio.current_time()
        await bridge.start("a")
        await trio.sleep(2)
        assert [time - said_at for time in server.attempts[tried:]] == pytest.approx([0, 0.5, 1.5])


async def test_flapping_ends_while_the_connection_still_holds(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(None) as account:
        for number in range(1, 12):
            link = await server.connection(number)
            link.push(f"m{number}")
            await wait_all_tasks_blocked()
            link.lose()
            await wait_all_tasks_blocked()
        assert "flapping" in account.alarms
        await server.connection(12)
        await trio.sleep(59)
        assert "flapping" in account.alarms
        await trio.sleep(20)
        assert "flapping" not in account.alarms
        assert account.generation == 12


async def test_wishes_are_durable_until_the_configuration_is_edited(
    autojump_clock: MockClock, server: FakeServer, virtual_cap: None
) -> None:
    store, environment = MemoryStore(), virtual_environment()
    on, off = Fake(server=server), Fake(server=server, enabled=False)
    async with open_bridge([on], None, store=store, environment=environment) as bridge:
        await bridge.stop("a")
    async with open_bridge([on], None, store=store, environment=environment) as bridge:
        await trio.sleep(1)
        assert bridge.account("a").state == "stopped"
        await bridge.start("a")
    async with open_bridge([on], None, store=store, environment=environment) as bridge:
        await bridge.account("a").wait_ready()
    async with open_bridge([off], None, store=store, environment=environment) as bridge:
        await trio.sleep(1)
        assert bridge.account("a").state == "stopped"


async def test_stop_gives_handlers_their_grace(
    autojump_clock: MockClock, server: FakeServer, virtual_cap: None
) -> None:
    done: list[str] = []

    async def handler(message: Message) -> str:
        await trio.sleep(8)
        done.append(message.id)
        return "answer"

    async with open_bridge([Fake(server=server)], handler, environment=virtual_environment()) as bridge:
        link = await server.connection()
        link.push("m1")
        link.push("m2")
        await wait_all_tasks_blocked()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bridge.stop, "a", 20)
            await trio.sleep(1)
            assert bridge.account("a").state == "draining"
            ack = link.push("m3")
            await server.until(lambda: link.acked(ack)), "what comes in is still stored and acknowledged"
        assert done == ["m1"], "nothing new is claimed"
        assert server.texts == ["answer"]
        assert trio.current_time() < 10
        await bridge.start("a")
        await trio.sleep(30)
        assert done == ["m1", "m2", "m3"]
        assert bridge.account("a").counters.failed == 0


@pytest.mark.parametrize("seed", range(3))
async def test_after_100_mixed_wishes_the_last_one_holds(
    seed: int, autojump_clock: MockClock, server: FakeServer, virtual_cap: None
) -> None:
    chance = random.Random(seed)
    most_open = 0

    async def handler(message: Message) -> None:
        await trio.sleep(3)

    async with (
        open_bridge([Fake(server=server)], handler, environment=virtual_environment(chance.random)) as bridge,
        trio.open_nursery() as nursery,
    ):
        last: str = "start"
        for index in range(100):
            last = chance.choice(["start", "stop", "restart"])
            nursery.start_soon(getattr(bridge, last), "a")
            if index % 7 == 0 and server.connections and server.connections[-1].is_open:
                server.connections[-1].push(f"m{index}")
            if index % 3:
                await trio.sleep(chance.random() * chance.choice([0.001, 1, 5]))
            most_open = max(most_open, sum(link.closed_at is None for link in server.connections))
        await wait_all_tasks_blocked()
        await trio.sleep(1)
        account = bridge.account("a")
        assert account.state == ("stopped" if last == "stop" else "ready")
        assert most_open <= 1
        await bridge.stop("a")
        await trio.sleep(1)
        assert sum(link.closed_at is None for link in server.connections) == 0
        tries = len(server.attempts)
        await trio.sleep(4000)
        assert len(server.attempts) == tries


async def test_a_second_after_stop_no_task_of_the_account_is_left(
    autojump_clock: MockClock, server: FakeServer, virtual_cap: None
) -> None:
    async with open_bridge([], None, environment=virtual_environment()) as bridge:
        await wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().tasks_living
        await bridge.add(Fake(server=server))
        (await server.connection()).leave()
        await server.connection(2)
        await bridge.remove("a")
        await trio.sleep(1)
        assert trio.lowlevel.current_statistics().tasks_living == before


async def test_states_are_told_from_the_present_one_on(
    autojump_clock: MockClock, server: FakeServer, virtual_cap: None
) -> None:
    told: list[AccountState] = []

    async def listen(account: Any) -> None:
        async with account.states() as states:
            async for state in states:
                told.append(state)

    server.on_connect = lambda: trio.sleep(1)
    async with open_bridge([Fake(server=server)], None, environment=virtual_environment()) as bridge:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen, bridge.account("a"))
            (await server.connection()).lose()
            await server.connection(2)
            await bridge.stop("a")
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    assert told == ["connecting", "ready", "waiting", "connecting", "ready", "stopped"] or told == [
        "connecting", "ready", "waiting", "connecting", "ready", "draining", "stopped",
    ]  # fmt: skip


async def test_what_the_block_raises_comes_out_as_it_is(server: FakeServer) -> None:
    with pytest.raises(ZeroDivisionError):
        async with open_bridge([Fake(server=server)], None):
            raise ZeroDivisionError


async def test_a_bug_in_one_account_is_its_own(
    autojump_clock: MockClock, server: FakeServer, virtual_cap: None, caplog: pytest.LogCaptureFixture
) -> None:
    """Its engine fails again and again; it restarts with growing delays, and the others don't notice."""
    other = FakeServer()

    class Broken(MemoryStore):
        async def open_account(self, name: str, **kwargs: Any) -> Any:
            account = await super().open_account(name, **kwargs)
            if name == "a":
                account.recover = raising(ZeroDivisionError("bug"))  # type: ignore[method-assign]
            return account

    accounts = [Fake(name="a", server=server), Fake(name="b", server=other)]
    async with open_bridge(accounts, None, store=Broken(), environment=virtual_environment()) as bridge:
        await trio.sleep(300)
        assert bridge.account("a").state == "waiting"
        assert bridge.account("b").generation == 1
        assert 5 <= caplog.text.count("the account failed") <= 20
        await bridge.stop("a")
        assert bridge.account("a").state == "stopped"


async def test_stop_between_two_attempts_to_open_the_account(
    autojump_clock: MockClock, server: FakeServer, virtual_cap: None
) -> None:
    class Broken(MemoryStore):
        async def open_account(self, name: str, **kwargs: Any) -> Any:
            account = await super().open_account(name, **kwargs)
            account.recover = raising(ZeroDivisionError("bug"))  # type: ignore[method-assign]
            return account

    async with open_bridge([], None, store=Broken(), environment=virtual_environment()) as bridge:
        await wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().tasks_living
        await bridge.add(Fake(server=server))
        await trio.sleep(100)
        await bridge.stop("a")
        assert bridge.account("a").state == "stopped"
        await wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living == before

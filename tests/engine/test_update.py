"""Accounts are given other values while they run, and say where their attempts are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import virtual_environment
from tests.engine.fake import Fake, FakeServer, raising
from tests.engine.rival import Rival
from trio_bridge.engine.bridge import Bridge
from trio_bridge.engine.exclusive import is_held_elsewhere
from trio_bridge.engine.states import Trouble
from trio_bridge.errors import AccountRefused, ConfigError, HandshakeFailed, PeerClosed
from trio_bridge.opening import open_bridge
from trio_bridge.stores.memory import MemoryStore


@asynccontextmanager
async def bridge_of(*configs: Fake, store: Any = "memory:") -> AsyncIterator[Bridge]:
    with trio.fail_after(300_000):
        async with open_bridge(configs, None, store=store, environment=virtual_environment()) as bridge:
            yield bridge


async def test_other_values_end_the_old_connection_before_the_new_one_begins(
    autojump_clock: MockClock, server: FakeServer
) -> None:
    async with bridge_of(Fake(server=server, name="a")) as bridge:
        old = await server.connection(1)
        account = await bridge.update(Fake(server=server, name="a", workers=3))
        assert not old.is_open
        new = await server.connection(2)
        assert old.closed_at is not None
        assert old.closed_at <= new.opened_at
        await account.wait_ready()
        assert account is bridge.account("a")
        assert account.config.workers == 3
        assert account.generation == 2


async def test_the_same_values_and_another_owner_disturb_nothing(autojump_clock: MockClock, server: FakeServer) -> None:
    store = MemoryStore()
    async with bridge_of(Fake(server=server, name="a"), store=store) as bridge:
        link = await server.connection(1)
        await bridge.update(Fake(server=server, name="a"))
        await bridge.update(Fake(server=server, name="a", owner="bob"))
        await wait_all_tasks_blocked()
        assert link.is_open
        assert len(server.connections) == 1
        assert bridge.account("a").statistics().owner == "bob"
        assert [record.owner for record in await store.accounts()] == ["bob"]


async def test_other_values_start_nothing_that_is_stopped(autojump_clock: MockClock, server: FakeServer) -> None:
    async with bridge_of(Fake(server=server, name="a")) as bridge:
        await bridge.account("a").wait_ready()
        await bridge.stop("a")
        await bridge.update(Fake(server=server, name="a", workers=3))
        await trio.sleep(60)
        assert bridge.account("a").state == "stopped"
        assert len(server.connections) == 1
        await bridge.start("a")
        await bridge.account("a").wait_ready()


async def test_enabled_starts_and_stops_and_is_remembered(autojump_clock: MockClock, server: FakeServer) -> None:
    store = MemoryStore()
    async with bridge_of(Fake(server=server, name="a"), store=store) as bridge:
        await bridge.account("a").wait_ready()
        await bridge.start("a")
        account = await bridge.update(Fake(server=server, name="a", enabled=False))
        assert account.state == "stopped"
        assert not account.wanted
    async with bridge_of(Fake(server=server, name="a", enabled=False), store=store) as bridge:
        account = bridge.account("a")
        assert account.state == "stopped"
        await bridge.update(Fake(server=server, name="a"))
        await account.wait_ready()
        assert await bridge.is_wished("a", enabled=True)


async def test_a_refused_account_tries_its_new_values_at_once(autojump_clock: MockClock, server: FakeServer) -> None:
    server.on_connect = raising(AccountRefused("wrong secret", kind="auth"))
    async with bridge_of(Fake(server=server, name="a")) as bridge:
        account = bridge.account("a")
        with pytest.raises(AccountRefused):
            await account.wait_ready()
        server.on_connect = lambda: None
        began = trio.current_time()
        await bridge.update(Fake(server=server, name="a", workers=3))
        await account.wait_ready()
        assert trio.current_time() - began < 5


async def test_the_platform_of_an_account_stays(autojump_clock: MockClock, server: FakeServer) -> None:
    class Another(Fake):
        platform = "another"

    async with bridge_of(Fake(server=server, name="a")) as bridge:
        with pytest.raises(ConfigError, match="can't become another"):
            await bridge.update(Another(server=server, name="a"))
        await bridge.account("a").wait_ready()


async def test_of_many_wishes_at_once_the_last_one_is_remembered(autojump_clock: MockClock, server: FakeServer) -> None:
    store = MemoryStore()
    async with bridge_of(Fake(server=server, name="a"), store=store) as bridge:
        for _ in range(20):
            async with trio.open_nursery() as nursery:
                for wish in (bridge.start, bridge.stop, bridge.start):
                    nursery.start_soon(wish, "a")
            [record] = await store.accounts()
            assert (record.wanted == "running") is bridge.account("a").wanted


async def test_an_end_in_the_middle_of_a_wish_does_not_become_one(
    autojump_clock: MockClock, server: FakeServer
) -> None:
    store = MemoryStore()
    async with bridge_of(Fake(server=server, name="a"), store=store) as bridge:
        account = bridge.account("a")
        await bridge.stop("a")
        async with trio.open_nursery() as nursery, account.remembering:
            nursery.start_soon(bridge.start, "a")
            await wait_all_tasks_blocked()
            await bridge.drain()
        assert account.wanted
        assert [record.wanted for record in await store.accounts()] == ["running"]


async def test_the_first_attempt_of_an_added_account_can_come_later(
    autojump_clock: MockClock, server: FakeServer
) -> None:
    async with bridge_of() as bridge:
        account = await bridge.add(Fake(server=server, name="a"), after=7.0)
        await trio.sleep(3)
        assert account.state == "connecting"
        assert account.statistics().next_retry_at == pytest.approx(1_790_000_007.0)
        await account.wait_ready()
        assert server.connected_at == [7.0]
        await bridge.restart("a")
        await server.connection(2)
        assert server.connected_at[1] < 8.0


async def test_a_start_cuts_that_short(autojump_clock: MockClock, server: FakeServer) -> None:
    async with bridge_of() as bridge:
        account = await bridge.add(Fake(server=server, name="a"), after=7.0)
        await trio.sleep(3)
        await bridge.start("a")
        await account.wait_ready()
        assert server.connected_at == [3.0]


async def test_an_account_says_how_its_connection_is(autojump_clock: MockClock, server: FakeServer) -> None:
    server.on_connect = raising(HandshakeFailed("refused", stage="tcp"))
    async with bridge_of(Fake(server=server, name="a")) as bridge:
        account = bridge.account("a")
        await trio.sleep(100)
        assert account.connection().connected_at is None
        assert account.connection().failing_for == 100
        error = account.statistics().last_error
        assert error is not None
        assert (error.severity, error.step) == ("retry", "")
        server.on_connect = lambda: None
        await bridge.start("a")
        assert account.connection().failing_for == 0
        link = await server.connection(1)
        seen = account.connection()
        assert seen.connected_at == 1_790_000_100.0
        assert (seen.last_ping_at, seen.last_pong_at, seen.pong_age) == (None, None, None)
        await trio.sleep(41)
        seen = account.connection()
        assert (seen.last_ping_at, seen.last_pong_at) == (1_790_000_140.0, 1_790_000_120.0)
        assert seen.pong_age == 21
        link.lose(PeerClosed(1006))
        await wait_all_tasks_blocked()
        error = account.statistics().last_error
        assert error is not None
        assert (error.kind, error.step, error.at) == ("PeerClosed", "stream", 1_790_000_141.0)


@pytest.mark.parametrize(
    ("error", "severity"),
    [
        (PeerClosed(1006), "retry"),
        (AccountRefused("no", kind="limited"), "slow"),
        (AccountRefused("no", kind="auth", probe=300.0), "slow"),
        (AccountRefused("no", kind="auth"), "stop"),
        (ConfigError("no"), "stop"),
    ],
    ids=["closed", "limited", "probed", "auth", "config"],
)
def test_what_is_to_be_expected_of_an_error(error: Any, severity: str) -> None:
    assert Trouble(error, 0.0).severity == severity


def test_whether_another_process_holds_a_key_can_be_asked() -> None:
    assert not is_held_elsewhere(None)
    with Rival("asked for") as rival:
        assert not is_held_elsewhere("asked for")
        assert rival.gets_it()
        assert is_held_elsewhere("asked for")


async def test_failing_ends_when_it_is_ready(autojump_clock: MockClock, server: FakeServer) -> None:
    server.on_connect = raising(HandshakeFailed("refused", stage="tcp"))
    async with bridge_of(Fake(server=server, name="a")) as bridge:
        account = bridge.account("a")
        await trio.sleep(10)
        assert account.connection().failing_for == 10
        server.on_connect = lambda: None
        await account.wait_ready()
        await wait_all_tasks_blocked()
        assert account.connection().failing_for == 0


async def test_a_start_is_seen_at_once_also_where_opening_had_failed(
    autojump_clock: MockClock, server: FakeServer
) -> None:
    server.on_door = raising(AccountRefused("the address is taken", kind="misconfigured"))
    async with bridge_of(Fake(server=server, name="a", door=True)) as bridge:
        account = bridge.account("a")
        with pytest.raises(AccountRefused):
            await account.wait_ready()
        account.wish_running()
        assert account.state == "connecting"

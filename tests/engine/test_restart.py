"""Scoped restarts: delays, quarantine, rotation, and accounts that are told what to do."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import OpenFake, virtual_environment
from tests.engine.fake import Fake, FakeServer
from trio_bridge.config import Secret
from trio_bridge.engine.states import AccountState
from trio_bridge.errors import (
    AccountRefused,
    AccountStopped,
    ConnectionLost,
    HandshakeFailed,
    OutcomeUnknown,
    PeerClosed,
)
from trio_bridge.messages import Message
from trio_bridge.opening import open_bridge
from trio_bridge.stores.memory import MemoryStore


def raising(error: BaseException) -> Callable[[], Any]:
    def fail() -> None:
        raise error

    return fail


async def test_failed_attempts_follow_the_delay_law(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    server.on_connect = raising(HandshakeFailed("refused", stage="tcp"))
    async with open_fake(None) as account:
        await trio.sleep(400)
        gaps = [late - early for early, late in zip(server.attempts, server.attempts[1:], strict=False)]
        assert gaps[:8] == pytest.approx([0.5, 1, 2, 4, 8, 16, 30, 30])
        assert account.state == "waiting"
        assert not account.alarms
        assert account.statistics().next_retry_at is not None


async def test_a_network_that_is_away_for_12_hours(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    server.on_connect = raising(HandshakeFailed("unreachable", stage="tcp"))
    async with open_fake(None, environment=virtual_environment(random.Random(1).random)) as account:
        await trio.sleep(12 * 3600)
        assert len(server.attempts) <= 1560
        assert not account.alarms
        server.on_connect = lambda: None
        began = trio.current_time()
        await account.wait_ready()
        assert trio.current_time() - began <= 65


async def test_a_server_that_accepts_and_closes_at_once_is_never_hammered(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def close_each() -> None:
        number = 0
        while True:
            number += 1
            (await server.connection(number)).lose(PeerClosed(1000))

    async with open_fake(None) as account:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(close_each)
            await trio.sleep(10)
            assert len(server.attempts) <= 6
            await trio.sleep(3600)
            assert "stalled" in account.alarms
            assert len(server.attempts) <= 5 + 1 + 4
            assert account.state == "waiting"
            nursery.cancel_scope.cancel()
        await server.connection(len(server.connections) + 1)
        server.connections[-1].push("m1")
        await wait_all_tasks_blocked()
        assert "stalled" not in account.alarms


async def test_a_parked_account_waits_for_an_operator(
    autojump_clock: MockClock, server: FakeServer, virtual_cap: None
) -> None:
    server.on_connect = lambda: None

    async def close_each() -> None:
        for number in range(1, 6):
            (await server.connection(number)).lose(PeerClosed(1000))

    config = Fake(server=server, stall_probe=None)
    async with open_bridge([config], None, environment=virtual_environment()) as bridge:
        account = bridge.account("a")
        await close_each()
        await trio.sleep(80_000)
        assert account.state == "parked"
        assert len(server.attempts) == 5
        with pytest.raises(AccountStopped):
            await account.wait_ready()
        await bridge.start("a")
        await server.connection(6)
        assert account.state == "ready"


async def test_after_a_minute_of_ready_the_delays_start_afresh(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(None):
        for number in range(1, 6):
            link = await server.connection(number)
            await trio.sleep(120)
            link.lose()
        lost_at = trio.current_time()
        await server.connection(6)
        assert server.connected_at[-1] - lost_at == pytest.approx(0.5)


async def test_a_refused_account_is_in_quarantine_and_says_why(
    autojump_clock: MockClock, server: FakeServer, virtual_cap: None
) -> None:
    """The others are none the wiser, and what was stored is still handled."""
    handled: list[str] = []
    other = FakeServer()
    store = MemoryStore()

    async def handler(message: Message) -> None:
        if message.account == "a":
            await trio.sleep(30)
        handled.append(message.id)

    accounts = [Fake(name="a", server=server), Fake(name="b", server=other)]
    async with open_bridge(accounts, handler, store=store, environment=virtual_environment()) as bridge:
        refused = bridge.account("a")
        link = await server.connection()
        for index in range(3):
            link.push(f"m{index}")
        await wait_all_tasks_blocked()
        server.on_connect = raising(AccountRefused("authFailed: wrong secret", kind="auth", code="authFailed"))
        link.lose()
        await trio.sleep(2)
        assert refused.state == "quarantined"
        with pytest.raises(AccountRefused, match="wrong secret") as caught:
            await refused.wait_ready()
        assert (caught.value.kind, caught.value.code) == ("auth", "authFailed")
        error = refused.statistics().last_error
        assert error is not None
        assert (error.kind, error.code) == ("AccountRefused", "authFailed")
        tries = len(server.attempts)
        await trio.sleep(3500)
        assert len(server.attempts) == tries == 2
        assert handled == ["m0", "m1", "m2"]
        await trio.sleep(200)
        assert len(server.attempts) == 3, "probed once an hour"
        assert bridge.account("b").state == "ready"
        assert bridge.account("b").generation == 1
        server.on_connect = lambda: None
        await bridge.start("a")
        await refused.wait_ready()


async def test_a_changed_secret_ends_the_quarantine_within_5_seconds(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("wrong")
    server.on_connect = raising(AccountRefused("no", kind="auth"))
    async with open_fake(None, token=Secret(file=secret)) as account:
        await trio.sleep(100)
        assert len(server.attempts) == 1
        server.on_connect = lambda: None
        secret.write_text("right")
        changed_at = trio.current_time()
        await server.connection()
        assert server.connected_at[0] - changed_at <= 5
        await account.wait_ready()


async def test_a_missing_secret_is_a_quarantine_that_names_it(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(None, token=Secret(env="TRIO_BRIDGE_NO_SUCH_VARIABLE")) as account:
        with pytest.raises(AccountRefused, match="TRIO_BRIDGE_NO_SUCH_VARIABLE"):
            await account.wait_ready()


async def test_somebody_else_holds_the_account(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    server.on_connect = raising(AccountRefused("another process", kind="limited"))
    async with open_fake(None) as account:
        await trio.sleep(59)
        assert account.state == "standby"
        assert len(server.attempts) == 1
        server.on_connect = lambda: None
        await trio.sleep(10)
        assert account.state == "ready"


@pytest.mark.parametrize("error", [ConnectionLost("x", retry_after=300.0), OutcomeUnknown("x")])
async def test_hints_of_the_server(
    error: Exception, autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    server.on_connect = raising(error)
    async with open_fake(None):
        await trio.sleep(299)
        assert (len(server.attempts) == 1) is isinstance(error, ConnectionLost)


async def test_an_attempt_that_hangs_ends_after_45_seconds(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    server.on_connect = trio.sleep_forever
    async with open_fake(None) as account:
        await trio.sleep(45.4)
        assert len(server.attempts) == 1
        await trio.sleep(0.2)
        assert len(server.attempts) == 2
        error = account.statistics().last_error
        assert error is not None
        assert "45 s" in error.message


# Rotation


async def test_rotation_connects_before_it_closes(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    handled: list[str] = []

    async def handler(message: Message) -> None:
        handled.append(message.id)

    async with open_fake(handler) as account:
        old = await server.connection()
        server.on_connect = lambda: trio.sleep(5)
        old.leave()
        await trio.sleep(2)
        ack = old.push("while connecting")
        await server.until(lambda: old.acked(ack))
        assert account.state == "ready"
        new = await server.connection(2)
        ack = old.push("after the new one is ready")
        await server.until(lambda: old.acked(ack))
        ack = new.push("on the new one")
        await server.until(lambda: new.acked(ack))
        assert new.is_open
        assert old.is_open
        await trio.sleep(16)
        assert not old.is_open, "15 s without a delivery: it is closed"
        assert handled == ["while connecting", "after the new one is ready", "on the new one"]


async def test_rotation_lingers_for_30_seconds_at_the_most(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(None):
        old = await server.connection()
        old.leave()
        await server.connection(2)
        began = trio.current_time()
        while old.is_open:
            old.push(f"m{trio.current_time()}")
            await trio.sleep(1)
        assert 29 <= trio.current_time() - began <= 31


async def test_rotation_keeps_the_old_connection_while_the_new_one_fails(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(None) as account:
        old = await server.connection()
        server.on_connect = raising(HandshakeFailed("busy", stage="login", status=503))
        old.leave()
        await trio.sleep(600)
        ack = old.push("m1")
        await server.until(lambda: old.acked(ack))
        assert account.state == "ready"
        server.on_connect = lambda: None
        await server.connection(2)
        await trio.sleep(31)
        assert not old.is_open


async def test_rotation_where_one_connection_is_allowed_closes_first(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(None, overlap="forbidden"):
        old = await server.connection()
        left_at = trio.current_time()
        old.leave()
        await server.connection(2)
        assert old.closed_at == server.connected_at[1] == left_at


async def test_rotation_every_second_is_no_storm(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def leave_all() -> None:
        number = 0
        while True:
            number += 1
            link = await server.connection(number)
            await trio.sleep(1)
            link.leave()

    async with open_fake(None) as account, trio.open_nursery() as nursery:
        nursery.start_soon(leave_all)
        await trio.sleep(600)
        immediate = [
            late for early, late in zip(server.connected_at, server.connected_at[1:], strict=False) if late - early <= 1
        ]
        assert all(late - early >= 60 for early, late in itertools.pairwise(immediate))
        assert "flapping" in account.alarms
        assert len(server.connected_at) < 40
        nursery.cancel_scope.cancel()


async def test_three_announced_leaves_in_a_row_are_each_followed_within_a_second(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(None, environment=virtual_environment(lambda: 0.99)):
        for number in range(1, 4):
            link = await server.connection(number)
            left_at = trio.current_time()
            link.leave()
            await server.connection(number + 1)
            assert server.connected_at[number] - left_at < 1


# Wishes


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

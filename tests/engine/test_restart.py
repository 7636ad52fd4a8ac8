"""Scoped restarts: delays, refusals, quarantine."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import OpenFake, virtual_environment
from tests.engine.fake import Fake, FakeServer, raising
from trio_bridge.config import Secret
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


async def test_a_secret_that_changes_while_it_is_being_refused_is_tried_at_once(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, tmp_path: Path
) -> None:
    """It was another one by the time that the quarantine began: nobody would change it again."""
    secret = tmp_path / "secret"
    secret.write_text("wrong")

    def refuse() -> None:
        if len(server.attempts) == 1:
            secret.write_text("right")
            raise AccountRefused("wrong secret", kind="auth")

    server.on_connect = refuse
    async with open_fake(None, token=Secret(file=secret)) as account:
        await server.connection()
        assert account.state == "ready"
        assert trio.current_time() <= 5


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

"""How an account comes to be connected, and what it does while it can't be.

A test with a number is about a mistake that is known by it: see test_traps.py.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.platforms.dingtalk.stage import Listener, Stage, simulated, tasks_of
from trio_bridge.config import Secret, Transport
from trio_bridge.errors import AccountRefused
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.dingtalk.gateway.rest import OPEN
from trio_bridge.testing._peer import How
from trio_bridge.transport import client, server

THROTTLED = '{"code":"Forbidden.AccessDenied.QpsLimitForAppkeyAndApi","message":"too fast"}'


def gaps(times: Sequence[float]) -> list[float]:
    return [late - early for early, late in pairwise(times)]


async def test_ready_means_that_messages_arrive(transport: Transport, autojump_clock: MockClock) -> None:
    async with simulated(transport=transport) as stage, stage.account(Listener(), transport=transport) as account:
        await account.wait_ready()
        pushed = await stage.dingtalk.say("hello")
        await stage.dingtalk.wait_replied(pushed)
        assert [sent.text for sent in stage.dingtalk.sent] == ["you said hello"]
        assert stage.dingtalk.ledger.summary().undelivered == 0


async def test_both_ends_speak_by_the_library_that_was_chosen(
    transport: Transport, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "HANDSHAKES", {transport: client.HANDSHAKES[transport]})
    monkeypatch.setattr(server, "ACCEPTANCES", {transport: server.ACCEPTANCES[transport]})
    async with simulated(transport=transport) as stage, stage.account(transport=transport) as account:
        await account.wait_ready()


async def test_trap_52_an_account_is_ready_after_the_upgrade_and_not_before(autojump_clock: MockClock) -> None:
    """And an open call that fails is made again."""
    async with simulated() as stage:
        stage.dingtalk.script(OPEN, Answer(status=503))
        with stage.dingtalk.hanging_upgrades():
            async with stage.account() as account:
                await trio.sleep(5)
                assert [call.status for call in stage.dingtalk.open_calls] == [503, 200]
                assert account.state == "connecting"
        async with stage.account() as account:
            await account.wait_ready()
            assert len(stage.dingtalk.connections) == 1


async def test_trap_32_every_open_call_is_for_a_connection(autojump_clock: MockClock) -> None:
    """Nothing is tried out beforehand: that would double the calls, and waste tickets."""
    async with simulated() as stage, stage.account() as account:
        for how in ("rst", "fin", "close", "rst"):
            await account.wait_ready()
            stage.dingtalk.drop_connections(how)
            await stage.dingtalk.next_connection()
            await trio.sleep(10)
        assert len(stage.dingtalk.opened) == len(stage.dingtalk.open_calls) == 5


# Refused


async def test_trap_4_and_46_a_revoked_secret_is_tried_once_more_and_no_further(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        stage.dingtalk.remove_app("dingsimulateddingtalk")
        stage.dingtalk.drop_connections()
        await trio.sleep(3000)
        assert [call.status for call in stage.dingtalk.open_calls] == [200, 401]
        assert account.state == "quarantined"
        with pytest.raises(AccountRefused, match="authFailed 鉴权失败") as caught:
            await account.wait_ready()
        assert (caught.value.kind, caught.value.code) == ("auth", "authFailed")
        error = account.statistics().last_error
        assert error is not None
        assert "鉴权失败" in error.message
        await trio.sleep(1000)
        assert len(stage.dingtalk.open_calls) == 3, "it is probed once an hour"


async def test_a_refusal_quarantines_that_account_alone(autojump_clock: MockClock) -> None:
    """What it had stored is still handled, and answered as soon as it may be."""
    listener = Listener(takes=20)
    async with simulated() as stage:
        good, bad = stage.dingtalk.config("good"), stage.dingtalk.config("bad", workers=1)
        async with stage.bridge([good, bad], listener) as bridge:
            for account in bridge.accounts.values():
                await account.wait_ready()
            all_pushed = [await stage.dingtalk.say(f"bad {index}", client_id=bad.client_id) for index in range(3)]
            for pushed in all_pushed:
                await stage.dingtalk.wait_acked(pushed)
            with stage.dingtalk.refusing(401):
                stage.dingtalk.drop_connections(client_id=bad.client_id)
                await trio.sleep(10)
                assert bridge.account("bad").state == "quarantined"
                assert bridge.account("good").state == "ready"
                await trio.sleep(60)
                assert listener.heard == ["bad 0", "bad 1", "bad 2"]
            pushed = await stage.dingtalk.say("hello", client_id=good.client_id)
            await stage.dingtalk.wait_replied(pushed)
            assert bridge.account("good").generation == 1
            assert bridge.account("bad").state == "quarantined"
    assert stage.dingtalk.ledger.summary().answered == 4
    assert stage.dingtalk.ledger.summary().answered_twice == 0


async def test_after_a_changed_secret_the_account_is_back_within_5_seconds(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the old one")
    async with simulated() as stage:
        config = attrs.evolve(stage.dingtalk.config(client_secret="the new one"), client_secret=Secret(file=secret))
        async with stage.bridge([config]) as bridge:
            await trio.sleep(100)
            assert bridge.account("dingtalk").state == "quarantined"
            secret.write_text("the new one")
            with trio.fail_after(5):
                await stage.dingtalk.next_connection()
        assert [call.status for call in stage.dingtalk.open_calls] == [401, 200]


async def test_three_equal_403s_in_a_row_are_a_refusal(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        one, other = '{"code":"Forbidden.One"}', '{"code":"Forbidden.Other"}'
        with stage.dingtalk.refusing(403, one):
            stage.dingtalk.script(OPEN, *(Answer(status=403, body=body) for body in (one, one, other)))
            async with stage.account() as account:
                await trio.sleep(1000)
                assert len(stage.dingtalk.open_calls) == 6
                with pytest.raises(AccountRefused, match=r"Forbidden\.One"):
                    await account.wait_ready()


async def test_trap_35_a_403_for_too_many_calls_is_waited_out(autojump_clock: MockClock) -> None:
    async with simulated(rand=lambda: 0.0) as stage:
        stage.dingtalk.script(OPEN, Answer(status=403, body=THROTTLED), times=3)
        async with stage.account() as account:
            await account.wait_ready()
        assert [call.status for call in stage.dingtalk.open_calls] == [403, 403, 403, 200]
        assert min(gaps(stage.called_at)) >= 1, "its window is a second"


# Failing


async def test_trap_5_delays_grow_and_are_a_matter_of_chance(autojump_clock: MockClock) -> None:
    runs = []
    for seed in range(20):
        async with simulated(rand=random.Random(seed).random) as stage:
            with stage.dingtalk.refusing(503, "{}"):
                async with stage.account():
                    await stage.dingtalk.wait_until(lambda: len(stage.dingtalk.open_calls) == 9)
            runs.append(gaps(stage.called_at))
    ceilings = [1, 2, 4, 8, 16, 32, 60, 60]
    for column, ceiling in zip(zip(*runs, strict=True), ceilings, strict=True):
        assert all(0.25 <= gap <= ceiling for gap in column)
        assert max(column) > ceiling / 2 > min(column)
        assert len(set(column)) > 10


@pytest.mark.parametrize("how", ["close", "fin", "rst"])
async def test_trap_30_and_40_a_server_that_accepts_and_closes_is_never_hammered(
    how: How, autojump_clock: MockClock
) -> None:
    """Neither with a closing handshake, which others take for no failure, nor without."""
    async with simulated() as stage:
        with stage.dingtalk.accept_then_close(how):
            async with stage.account() as account:
                await trio.sleep(10)
                assert 2 <= len(stage.dingtalk.open_calls) <= 6
                assert min(gaps(stage.called_at)) >= 0.25
                await trio.sleep(3600)
                assert account.alarms == {"stalled"}
                assert len(stage.dingtalk.open_calls) <= 5 + 4


async def test_trap_36_a_stalled_account_returns_when_the_server_does(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(Listener()) as account:
        with stage.dingtalk.accept_then_close():
            for _ in range(6):
                await stage.dingtalk.next_connection()
            assert account.alarms == {"stalled"}
        with trio.fail_after(900 * 1.1):
            await stage.dingtalk.next_connection()
        await account.wait_ready()
        pushed = await stage.dingtalk.say("still there?")
        await stage.dingtalk.wait_replied(pushed)
        assert account.alarms == set()


async def test_trap_51_five_refused_upgrades_cost_five_open_calls(
    transport: Transport, autojump_clock: MockClock
) -> None:
    async with simulated(transport=transport) as stage, stage.account(transport=transport) as account:
        await account.wait_ready()
        with stage.dingtalk.refusing_upgrades():
            stage.dingtalk.drop_connections()
            await stage.dingtalk.wait_until(lambda: len(stage.dingtalk.open_calls) == 1 + 5)
            await wait_all_tasks_blocked()
        await account.wait_ready()
        await trio.sleep(1000)
        assert len(stage.dingtalk.open_calls) == 1 + 5 + 1
        assert stage.dingtalk.ledger.faults == []


async def test_trap_31_after_long_runs_the_delay_is_the_first_one_again(autojump_clock: MockClock) -> None:
    async with simulated(rand=lambda: 0.99) as stage, stage.account():
        for _ in range(6):
            await stage.dingtalk.next_connection()
            await trio.sleep(120)
            stage.dingtalk.drop_connections()
            lost_at = trio.current_time()
        await stage.dingtalk.next_connection()
        assert stage.opened_at[-1] - lost_at == pytest.approx(0.99)


async def test_trap_47_after_a_reset_the_next_connection_comes_within_2_seconds(
    transport: Transport, autojump_clock: MockClock
) -> None:
    async with (
        simulated(rand=lambda: 0.99, transport=transport) as stage,
        stage.account(transport=transport) as account,
    ):
        await stage.dingtalk.next_connection()
        await trio.sleep(120)
        stage.dingtalk.drop_connections("rst")
        with trio.fail_after(2):
            await stage.dingtalk.next_connection()
            await account.wait_ready()


# Stopped


async def test_trap_39_an_open_call_that_hangs_holds_nothing_up(autojump_clock: MockClock) -> None:
    """It is given up after 10 s, and a cancellation does not wait for that."""
    async with simulated() as stage:
        with stage.dingtalk.hanging_open_calls():
            async with stage.account():
                await trio.sleep(12)
                assert stage.called_at == pytest.approx([0, 10.5])
            with trio.move_on_after(3) as scope:
                async with stage.account():
                    began = trio.current_time()
                    await trio.sleep_forever()
        assert scope.cancelled_caught
        assert trio.current_time() == began + 3


async def test_trap_41_one_cancellation_ends_a_busy_account(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        with trio.move_on_after(30) as scope:
            async with stage.account(Listener(takes=1000)) as account:
                await account.wait_ready()
                await stage.dingtalk.say("think hard")
                await trio.sleep_forever()
        assert scope.cancelled_caught
        assert trio.current_time() == 30
        assert stage.dingtalk.connections == ()


HANGING: dict[str, Callable[[Stage], AbstractContextManager[object]]] = {
    "name": lambda stage: stage.network.without_resolver(),
    "tcp": lambda stage: stage.network.blackhole(),
    "tls": lambda stage: nullcontext(),
    "open call": lambda stage: stage.dingtalk.hanging_open_calls(),
    "upgrade": lambda stage: stage.dingtalk.hanging_upgrades(),
    "backoff": lambda stage: stage.dingtalk.refusing(503, "{}"),
}


@pytest.mark.parametrize("where", HANGING)
async def test_trap_6_8_29_and_54_a_stop_leaves_nothing_wherever_connecting_was(
    where: str, autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))  # for the lock of an account that is not on this machine
    async with simulated() as stage, stage.bridge([]) as bridge:
        config = stage.dingtalk.config()
        if where == "tls":
            await stage.network.listen_tcp("silent.example", 443)
            config = attrs.evolve(config, endpoint="https://silent.example")
        with HANGING[where](stage):
            await bridge.add(config)
            await trio.sleep(6.9 if where == "backoff" else 3)
            assert bridge.account("dingtalk").state == ("waiting" if where == "backoff" else "connecting")
            assert tasks_of("dingtalk")
            with trio.fail_after(5):
                await bridge.stop("dingtalk")
        await trio.sleep(1)
        assert tasks_of("dingtalk") == []
        for connection in stage.network.connections:
            with pytest.raises(trio.ClosedResourceError):
                await connection.client.receive_some()
        calls = len(stage.dingtalk.open_calls)
        await trio.sleep(70)
        assert len(stage.dingtalk.open_calls) == calls
        assert len(stage.dingtalk.opened) == 0

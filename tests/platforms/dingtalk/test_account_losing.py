"""What an account does when its connection falls silent or breaks.

A test with a number is about a mistake that is known by it: see test_traps.py.
"""

from __future__ import annotations

from typing import Literal

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.platforms.dingtalk.stage import Listener, SlowStore, simulated, tasks_of
from trio_bridge.config import Transport
from trio_bridge.messages import Message
from trio_bridge.testing._peer import How

DEAD_AFTER = 55.0
"""Two pings, 20 s apart, the second of them unanswered for 15 s: at the worst the peer fell silent after a pong."""


# Silence


@pytest.mark.parametrize("moment", [0.5, 19.9, 20.1, 34.9, 100.0])
@pytest.mark.parametrize("handler_takes", [0, 120])
async def test_trap_1_and_24_a_deaf_peer_is_left_within_55_seconds(
    handler_takes: float, moment: float, transport: Transport, autojump_clock: MockClock
) -> None:
    """Also while a handler runs: neither what we send nor what we do is a sign of the peer's life."""
    async with (
        simulated(rand=lambda: 0.0, transport=transport) as stage,
        stage.account(Listener(takes=handler_takes), transport=transport) as account,
    ):
        connection = await stage.dingtalk.next_connection()
        await trio.sleep(moment)
        await stage.dingtalk.say("think")
        await wait_all_tasks_blocked()
        with connection.deaf():
            silent_at = trio.current_time()
            await stage.dingtalk.next_connection()
        assert 20 <= stage.opened_at[1] - silent_at <= DEAD_AFTER + 0.25
        assert account.generation == 2


async def test_loss_is_acted_on_before_the_closing_handshake_of_a_deaf_peer(autojump_clock: MockClock) -> None:
    """A peer that does not answer pings won't answer a close frame either; nothing waits for it."""
    async with simulated(rand=lambda: 0.0) as stage, stage.account() as account:
        connection = await stage.dingtalk.next_connection()
        old = stage.network.connections[-1].client
        with connection.deaf():
            await stage.dingtalk.next_connection()
            assert trio.current_time() <= DEAD_AFTER + 0.25
            await account.wait_ready()
            with pytest.raises(trio.BusyResourceError):
                await old.receive_some()  # the old one still waits for the peer's close frame
            await trio.sleep(5)
            with pytest.raises(trio.ClosedResourceError):
                await old.receive_some()


async def test_an_idle_peer_that_answers_pings_is_kept(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account() as account:
        await trio.sleep(3600)
        assert account.generation == len(stage.dingtalk.open_calls) == 1
        assert account.alarms == set()


async def test_a_peer_that_misses_one_ping_now_and_then_is_kept(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account() as account:
        connection = await stage.dingtalk.next_connection()
        for _ in range(5):
            await trio.sleep(10)
            with connection.deaf():
                await trio.sleep(28)  # the ping of second 20 was to be answered by second 35
            await trio.sleep(22)
        assert account.generation == 1
        assert connection.live


async def test_a_stop_says_goodbye_and_a_deaf_peer_does_not_delay_it(
    transport: Transport, autojump_clock: MockClock
) -> None:
    async with (
        simulated(transport=transport) as stage,
        stage.bridge([stage.dingtalk.config(transport=transport)]) as bridge,
    ):
        polite = await stage.dingtalk.next_connection()
        await bridge.account("dingtalk").wait_ready()
        await bridge.stop("dingtalk")
        await stage.dingtalk.wait_until(lambda: not polite.live)
        assert polite.closed_by_client == 1000
        await bridge.start("dingtalk")
        with (await stage.dingtalk.next_connection()).deaf():
            await bridge.account("dingtalk").wait_ready()
            with trio.fail_after(1):
                await bridge.stop("dingtalk")
            await trio.sleep(1)
            assert tasks_of("dingtalk") == []


# Messages and handlers


async def test_what_had_arrived_when_the_connection_was_lost_is_handled_and_acknowledged_when_it_comes_again(
    autojump_clock: MockClock,
) -> None:
    """One message is with the store at that moment, one waits its turn. Each is handled once, as early as may be."""
    listener = Listener()
    async with simulated() as stage, stage.account(listener, store=SlowStore(takes=3)):
        connection = await stage.dingtalk.next_connection()
        all_pushed = []
        for text in ("with the store", "waiting"):
            all_pushed.append(await stage.dingtalk.say(text))
            await trio.sleep(1)
        connection.drop()
        for pushed in all_pushed:
            await stage.dingtalk.wait_replied(pushed)
            assert trio.current_time() < 60
            assert not stage.dingtalk.ledger.record(pushed).settled
        for pushed in all_pushed:
            await stage.dingtalk.wait_acked(pushed)
            record = stage.dingtalk.ledger.record(pushed)
            assert [ack.connection for ack in record.acks] == [record.deliveries[1].connection]
        await trio.sleep(100)
        assert listener.heard == ["with the store", "waiting"]
        assert len(stage.dingtalk.sent) == 2


@pytest.mark.parametrize("how", ["rst", "fin", "announced"])
async def test_a_handler_of_50_seconds_survives_the_end_of_its_connection(
    how: How | Literal["announced"], autojump_clock: MockClock
) -> None:
    listener = Listener(takes=50)
    async with simulated() as stage, stage.account(listener) as account:
        connection = await stage.dingtalk.next_connection()
        pushed = await stage.dingtalk.say("think")
        await trio.sleep(25)
        if how == "announced":
            connection.disconnect()
        else:
            connection.drop(how)
        await stage.dingtalk.next_connection()
        await stage.dingtalk.wait_replied(pushed)
        assert trio.current_time() == 50
        await trio.sleep(200)
        assert listener.heard == ["think"]
        assert len(stage.dingtalk.ledger.record(pushed).replies) == 1
        assert account.counters.interrupted == 0


async def test_losses_in_quick_succession_stack_up_no_workers(autojump_clock: MockClock) -> None:
    running = most = 0
    heard: list[str] = []

    async def handler(message: Message) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await trio.sleep(50)
        running -= 1
        heard.append(message.text)
        return "done"

    async with simulated() as stage, stage.account(handler, workers=2) as account:
        all_pushed = []
        for number in range(4):
            connection = await stage.dingtalk.next_connection()
            for person in range(2):
                sender = f"staff{number}{person}"
                all_pushed.append(await stage.dingtalk.say(sender, sender=sender))
            await trio.sleep(1)
            assert account.statistics().running_handlers == 2
            if number < 3:
                connection.drop()
        for pushed in all_pushed:
            await stage.dingtalk.wait_replied(pushed)
        await trio.sleep(100)
        assert account.statistics().draining_generations == 0
    assert most == 2
    assert len(heard) == len(set(heard)) == 8
    assert stage.dingtalk.ledger.summary().acked == 8


async def test_two_connections_of_one_app_share_its_messages_by_chance(autojump_clock: MockClock) -> None:
    """As two processes would; the platform allows it, and nothing is answered twice."""
    async with simulated(faults=["two_connections"]) as stage:
        one = stage.dingtalk.config("one", client_id="dingshared")
        two = stage.dingtalk.config("two", client_id="dingshared")
        async with stage.bridge([one, two], Listener()) as bridge:
            for account in bridge.accounts.values():
                await account.wait_ready()
            all_pushed = [await stage.dingtalk.say(str(index), sender=f"staff{index}") for index in range(40)]
            for pushed in all_pushed:
                await stage.dingtalk.wait_replied(pushed)
            await trio.sleep(100)
            shares = [account.counters.handled for account in bridge.accounts.values()]
    assert sum(shares) == 40
    assert min(shares) >= 10
    summary = stage.dingtalk.ledger.summary()
    assert (summary.acked, summary.answered, summary.answered_twice, summary.redelivered) == (40, 40, 0, 0)

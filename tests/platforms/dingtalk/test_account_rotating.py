"""What an account does when the server announces the end of its connection: the next one comes first.

A test with a number is about a mistake that is known by it: see test_traps.py.
"""

from __future__ import annotations

import random
from functools import partial

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.dingtalk.stage import Listener, SlowStore, simulated
from trio_bridge.config import Transport
from trio_bridge.messages import Message
from trio_bridge.platforms.dingtalk.gateway.model import Rules
from trio_bridge.transport._shell import CoreWebsocket


@pytest.mark.parametrize("chance", [0.0, 0.99])
async def test_trap_2_and_56_each_of_three_announced_ends_is_followed_within_a_second(
    chance: float, transport: Transport, autojump_clock: MockClock
) -> None:
    async with (
        simulated(rand=lambda: chance, transport=transport) as stage,
        stage.account(transport=transport) as account,
    ):
        connection = await stage.dingtalk.next_connection()
        for _ in range(3):
            announced_at = trio.current_time()
            connection.disconnect()
            newer = await stage.dingtalk.next_connection()
            assert newer.opened_at - announced_at < 1
            assert connection.live, "the next one comes first"
            connection = newer
        assert account.state == "ready"


async def test_trap_3_one_announced_end_opens_one_connection(transport: Transport, autojump_clock: MockClock) -> None:
    """Though the closing handshake of the old one outlives the opening of the new one."""
    async with (
        simulated(rules=Rules(leave_grace=60, overlap_grace=20), transport=transport) as stage,
        stage.account(transport=transport) as account,
    ):
        stage.dingtalk.answer_close_after(2)
        connection = await stage.dingtalk.next_connection()
        connection.disconnect()
        connection.disconnect("said twice")
        await stage.dingtalk.next_connection()
        await stage.dingtalk.wait_until(lambda: not connection.live)
        assert connection.closed_by_client == 1000
        await trio.sleep(600)
        assert len(stage.dingtalk.opened) == len(stage.dingtalk.open_calls) == 2
        assert account.state == "ready"


async def test_trap_27_and_53_rotations_leave_nothing_behind_that_reconnects_or_pings(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pings: list[float] = []
    plain_ping = CoreWebsocket.ping

    def ping(websocket: CoreWebsocket) -> None:
        pings.append(trio.current_time())
        plain_ping(websocket)

    monkeypatch.setattr(CoreWebsocket, "ping", ping)
    async with simulated() as stage, stage.account():
        for _ in range(5):
            connection = await stage.dingtalk.next_connection()
            await trio.sleep(70)
            connection.disconnect()
        await stage.dingtalk.next_connection()
        await trio.sleep(30)
        pings.clear()
        await trio.sleep(600)
        assert len(pings) == 30
        assert len(stage.dingtalk.open_calls) == 1 + 5


async def test_trap_59_what_is_said_after_the_announcement_is_answered(autojump_clock: MockClock) -> None:
    """Nothing is pushed to the old connection any more, though it lives on for ten seconds."""
    async with simulated() as stage, stage.account(Listener()):
        old = await stage.dingtalk.next_connection()
        old.disconnect()
        await trio.sleep(1)
        pushed = await stage.dingtalk.say("hello?")
        await stage.dingtalk.wait_replied(pushed)
        assert old.live
        (delivery,) = stage.dingtalk.ledger.record(pushed).deliveries
        assert delivery.connection == stage.dingtalk.opened[1].id


async def test_while_no_other_can_be_opened_the_old_connection_is_kept(autojump_clock: MockClock) -> None:
    async with simulated(rules=Rules(leave_grace=1000, overlap_grace=20)) as stage, stage.account() as account:
        old = await stage.dingtalk.next_connection()
        with stage.dingtalk.refusing(503, "{}"):
            old.disconnect()
            await trio.sleep(300)
            assert old.live
            assert account.state == "ready"
        await stage.dingtalk.next_connection()
        await stage.dingtalk.wait_until(lambda: not old.live)
        assert old.closed_by_client == 1000


async def test_ends_announced_every_second_are_no_storm(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account() as account, trio.open_nursery() as nursery:

        async def leave_all() -> None:
            while True:
                connection = await stage.dingtalk.next_connection()
                await trio.sleep(1)
                connection.disconnect()

        nursery.start_soon(leave_all)
        await trio.sleep(600)
        assert account.alarms >= {"flapping"}
        assert len(stage.dingtalk.open_calls) < 40
        nursery.cancel_scope.cancel()


async def test_trap_7_and_42_no_acknowledgement_goes_to_another_connection(autojump_clock: MockClock) -> None:
    """The store is slow, so that one is still under way when the next connection is there."""
    store = SlowStore(takes=3)
    async with simulated() as stage, stage.account(Listener(), store=store):
        old = await stage.dingtalk.next_connection()
        before = await stage.dingtalk.say("before")
        old.disconnect()
        new = await stage.dingtalk.next_connection()
        after = await stage.dingtalk.say("after")
        for pushed, connection in ((before, old), (after, new)):
            await stage.dingtalk.wait_acked(pushed)
            (ack,) = stage.dingtalk.ledger.record(pushed).acks
            assert (ack.rightly, ack.connection) == (True, connection.id)
        await stage.dingtalk.wait_replied(after)
    assert stage.dingtalk.ledger.summary().acked_on_wrong_connection == 0


async def test_over_1000_rotations_nothing_is_lost_and_nothing_handled_twice(autojump_clock: MockClock) -> None:
    """Messages come at a steady rate, and just before each announcement."""
    chance = random.Random(5)
    handled: list[str] = []

    async def handler(message: Message) -> None:
        await trio.sleep(chance.random() * 3)
        handled.append(message.id)

    async with simulated(rand=chance.random) as stage, stage.account(handler, store=SlowStore(takes=0.02)) as account:
        dingtalk = stage.dingtalk
        await dingtalk.next_connection()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(dingtalk.flood, 10_000, rate=0.05, sender="staff0002"))
            for _ in range(1000):
                await trio.sleep(31)  # as often as it may be without being called flapping
                await dingtalk.flood(4)
                dingtalk.disconnect()
                await dingtalk.next_connection()
            nursery.cancel_scope.cancel()
        await trio.sleep(100)
        assert account.alarms == set()
        assert len(dingtalk.opened) == 1001
    acked = [record.pushed.key for record in dingtalk.ledger.records() if record.settled]
    assert len(acked) > 5000
    assert sorted(handled) == sorted(acked)
    summary = dingtalk.ledger.summary()
    assert (summary.unacked, summary.redelivered, summary.acked_on_wrong_connection) == (0, 0, 0)

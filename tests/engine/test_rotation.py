"""A server that announces its leaving: the next connection first."""

from __future__ import annotations

import itertools

import trio
from trio.testing import MockClock

from tests.engine.conftest import OpenFake, virtual_environment
from tests.engine.fake import FakeServer, raising
from trio_bridge.errors import (
    HandshakeFailed,
)
from trio_bridge.messages import Message


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

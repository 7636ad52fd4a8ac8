"""After deaths of the process: what was in hand at each of them is handled one by one, the rest as always."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import trio
from trio.testing import MockClock

from tests.engine.conftest import virtual_environment
from tests.engine.fake import Fake, FakeServer
from trio_bridge.engine.store import Store, Work
from trio_bridge.messages import Message
from trio_bridge.opening import open_bridge
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.wire.protocol import Delivery


async def die(store: Store, account: str, lanes: Iterable[str], times: int) -> None:
    """Leave deliveries behind as processes do that died with them in hand: one in each lane."""
    kept = await store.open_account(account, platform="fake")
    deliveries = [Delivery(f"{account}-{lane}", lane, "fake", '{"text": "hello"}') for lane in lanes]
    accepted = (await kept.work(Work(now=0.0, accept=deliveries, room=100, room_bytes=10_000))).accepted
    for _ in range(times):
        await kept.recover(now=0.0, max_deaths=99, max_attempts=99)
        await kept.work(Work(now=0.0, claim=[one.seq for one in accepted]))


class Busy:
    """A handler of ten seconds, and what ran beside what."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.beside: dict[str, set[str]] = {}
        self.order: list[str] = []

    async def __call__(self, message: Message) -> None:
        self.order.append(message.id)
        self.beside[message.id] = set()
        for other in self.running:
            self.beside[other].add(message.id)
            self.beside[message.id].add(other)
        self.running.add(message.id)
        await trio.sleep(10)
        self.running.remove(message.id)


async def test_what_one_more_death_would_bury_is_handled_alone_of_its_kind(
    server: FakeServer, autojump_clock: MockClock, virtual_cap: None
) -> None:
    """In all accounts together: a message that kills the process must find no other to take along."""
    store, handler = MemoryStore(), Busy()
    await die(store, "a", "xyz", times=2)
    await die(store, "b", "xy", times=2)
    suspects = {"a-x", "a-y", "a-z", "b-x", "b-y"}
    accounts = [Fake(name=name, server=server) for name in "ab"]
    async with open_bridge(accounts, handler, store=store, environment=virtual_environment()):
        (await server.connection()).push("fresh")
        await trio.sleep(100)
    assert handler.order.index("fresh") <= 2, "others don't wait for them"
    assert handler.beside.keys() == suspects | {"fresh"}
    assert all(handler.beside[key] <= {"fresh"} for key in suspects)
    assert [key for key in handler.order if key.startswith("a-")] == ["a-x", "a-y", "a-z"]


@pytest.mark.parametrize(("times", "max_attempts", "at_once"), [(1, 5, 3), (2, 5, 1), (1, 2, 1)])
async def test_how_many_deaths_make_a_suspect(
    times: int, max_attempts: int, at_once: int, server: FakeServer, autojump_clock: MockClock, virtual_cap: None
) -> None:
    store, handler = MemoryStore(), Busy()
    await die(store, "a", "xyz", times=times)
    config = Fake(server=server, max_attempts=max_attempts)
    async with open_bridge([config], handler, store=store, environment=virtual_environment()):
        await server.connection()
        assert len(handler.running) == at_once
        await trio.sleep(40)
    assert sorted(handler.order) == ["a-x", "a-y", "a-z"]


async def test_a_suspect_that_fails_makes_room_for_the_next(
    server: FakeServer, autojump_clock: MockClock, virtual_cap: None
) -> None:
    store = MemoryStore()
    await die(store, "a", "xy", times=2)
    handled: list[str] = []

    async def handler(message: Message) -> None:
        handled.append(message.id)
        if handled == ["a-x"]:
            raise ValueError("no")

    async with open_bridge([Fake(server=server)], handler, store=store, environment=virtual_environment()):
        await trio.sleep(10)
    assert handled == ["a-x", "a-y", "a-x"]


async def test_the_next_of_its_lane_waits_for_a_suspect(
    server: FakeServer, autojump_clock: MockClock, virtual_cap: None
) -> None:
    store, handler = MemoryStore(), Busy()
    await die(store, "a", "xy", times=2)
    async with open_bridge([Fake(server=server)], handler, store=store, environment=virtual_environment()):
        link = await server.connection()
        link.push("next", lane="y")
        await trio.sleep(60)
    assert handler.order == ["a-x", "a-y", "next"]

"""One account's trouble is its own: a hundred accounts in a bridge, and what four of them may do to the others.

Work costs nothing in virtual time, so these tests find those who wait where they should not: for a store that serves
others first, for a turn that never comes. What processors make of it is measured elsewhere.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import attrs
import pytest
import trio
from trio.testing import MockClock

from tests.engine.conftest import virtual_environment
from tests.engine.fake import Fake, FakeServer
from trio_bridge.backoff import Backoff
from trio_bridge.engine.governor import CONNECTS_PER_SECOND
from trio_bridge.engine.store import Store
from trio_bridge.errors import AccountRefused, HandshakeFailed, PeerClosed
from trio_bridge.messages import Message
from trio_bridge.opening import open_bridge
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.stores.sqlite import open_sqlite

T = TypeVar("T")

HEALTHY = [f"healthy-{index:02}" for index in range(96)]
PING_INTERVAL = 1.0
HEARTBEAT_LIMIT = 0.250
ACK_LIMIT = 0.500
FLOOD_RATE = 5000
SYNC = 0.02
"""Seconds for one sync of a disk that is slow, but not ill."""


class Gauge:
    """Counts what others may do while somebody waits."""

    def __init__(self) -> None:
        self.count = 0


class Passes(Gauge, trio.abc.Instrument):
    """Counts the loop's passes, in each of which every task that can run runs once."""

    def before_io_wait(self, timeout: float) -> None:
        self.count += 1


class SlowDisk(Gauge):
    """Runs what waits for the disk, and counts it: commits, nearly all."""

    async def __call__(self, function: Callable[[], T], /) -> T:
        await trio.sleep(SYNC)
        self.count += 1
        return function()


class Ward:
    """The healthy accounts, and what they go through."""

    def __init__(self, gauge: Gauge) -> None:
        self.servers = {name: FakeServer() for name in HEALTHY}
        self.waits: list[float] = []
        self.steps: list[int] = []
        """What the gauge counted, from each delivery to its acknowledgement."""
        self._gauge = gauge

    async def write(self, name: str, seconds: float) -> None:
        """Deliver something to an account twice a second, and see how long its acknowledgement takes."""
        server = self.servers[name]
        link = await server.connection()
        await trio.sleep(0.5 * HEALTHY.index(name) / len(HEALTHY))
        begun = trio.current_time()
        for number in range(int(seconds / 0.5)):
            await trio.sleep_until(begun + 0.5 * number)
            pushed_at, before = trio.current_time(), self._gauge.count
            ack_id = link.push(f"{name}/{pushed_at}", lane=f"lane-{number % 3}")
            await server.until(lambda ack_id=ack_id: link.acked(ack_id))  # type: ignore[misc]
            self.waits.append(trio.current_time() - pushed_at)
            self.steps.append(self._gauge.count - before)

    async def live(self, seconds: float) -> tuple[float, int]:
        """Let all of them live for some seconds. Returns the longest wait, and the most that the gauge counted."""
        self.waits, self.steps = [], []
        async with trio.open_nursery() as nursery:
            for name in HEALTHY:
                nursery.start_soon(self.write, name, seconds)
        return max(self.waits), max(self.steps)

    def heartbeats(self) -> list[float]:
        """How late each ping was."""
        return [
            at - link.opened_at - number * PING_INTERVAL
            for server in self.servers.values()
            for link in server.connections
            for number, at in enumerate(link.pinged_at, start=1)
        ]


async def flood(server: FakeServer, seconds: float) -> int:
    """Deliver a second's messages in ten bursts, second by second. Returns how many those were."""
    link = await server.connection()
    numbers = itertools.count()
    for _ in range(int(seconds * 10)):
        for number in itertools.islice(numbers, FLOOD_RATE // 10):
            link.push(f"flood/{number}", lane=f"lane-{number % 10}")
        await trio.sleep(0.1)
    return next(numbers)


async def flap(server: FakeServer) -> None:
    """Let no connection live longer than a second."""
    for number in itertools.count(1):
        link = await server.connection(number)
        link.push(f"flap/{number}")
        await trio.sleep(1)
        link.lose()


async def handle(message: Message) -> None:
    if message.account == "hung":
        await trio.sleep_forever()


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_four_accounts_in_trouble_leave_96_alone(
    kind: str, autojump_clock: MockClock, tmp_path: Path, virtual_cap: None
) -> None:
    if kind == "memory":
        passes = Passes()
        trio.lowlevel.add_instrument(passes)
        calm, storm = await hospital(MemoryStore(), Ward(passes), overflow="spill")
        assert storm == calm, "in as few passes of the loop as when nothing else happens"
    else:
        disk = SlowDisk()
        async with open_sqlite(tmp_path / "bridge.db", executor=disk) as store:
            _, storm = await hospital(store, Ward(disk))
        assert storm <= 4, "the commit that is under way, one that the flood did not fit in, the flood's, and its own"


async def hospital(store: Store, ward: Ward, **flooded: object) -> tuple[int, int]:
    """A calm and a storm of some seconds: what the gauge counted at the most in each."""
    hung, flapping, flooding, refused = (FakeServer() for _ in range(4))

    def refuse() -> None:
        raise AccountRefused("authFailed", kind="auth")

    refused.on_connect = refuse
    pace = {"ping_interval": PING_INTERVAL, "pong_timeout": 0.75 * PING_INTERVAL}
    accounts = [
        *(Fake(name=name, server=server, **pace) for name, server in ward.servers.items()),  # type: ignore[arg-type]
        Fake(name="hung", server=hung),
        Fake(name="flapping", server=flapping, backoff_min=0.25, backoff_max=0.25),
        Fake(name="flooded", server=flooding, **flooded),  # type: ignore[arg-type]
        Fake(name="refused", server=refused),
    ]
    async with open_bridge(accounts, handle, store=store, environment=virtual_environment()) as bridge:
        bridge.shutdown_grace = 0
        for name in (*HEALTHY, "hung", "flooded"):
            await bridge.account(name).wait_ready()
        _, calm = await ward.live(2)
        async with trio.open_nursery() as trouble:
            trouble.start_soon(flap, flapping)
            link = await hung.connection()
            for number in range(20):
                link.push(f"hung/{number}", lane=f"lane-{number}")
            trouble.start_soon(flood, flooding, 3)
            longest, storm = await ward.live(3)
            trouble.cancel_scope.cancel()
        lateness = ward.heartbeats()
        assert len(lateness) >= 96 * 5
        assert max(map(abs, lateness)) <= HEARTBEAT_LIMIT
        assert longest <= ACK_LIMIT
        assert {bridge.account(name).generation for name in HEALTHY} == {1}
        # And they were in trouble indeed.
        assert bridge.account("hung").statistics().running_handlers == 8
        assert len(link.sent) == 20
        assert len(flapping.connections) >= 3
        assert (
            bridge.account("flooded").statistics().counters.acked == 3 * FLOOD_RATE == len(flooding.connections[0].sent)
        )
        assert bridge.account("refused").state == "quarantined"
    return calm, storm


async def test_a_thousand_accounts_that_drop_at_once_come_back_in_good_order(
    autojump_clock: MockClock, virtual_cap: None
) -> None:
    """Their server is away for half a minute. Attempts never come faster than the limit, and nobody waits long."""
    servers = [FakeServer() for _ in range(1000)]
    attempts: list[float] = []
    away = False

    def connect() -> None:
        attempts.append(trio.current_time())
        if away:
            raise HandshakeFailed("refused", stage="tcp")

    for server in servers:
        server.on_connect = connect
    accounts = [Fake(name=f"a{index}", server=server, workers=1) for index, server in enumerate(servers)]
    environment = virtual_environment(random.Random(1).random)
    async with open_bridge(accounts, None, environment=environment) as bridge:
        for account in bridge.accounts.values():
            await account.wait_ready()
        assert trio.current_time() <= 1000 / CONNECTS_PER_SECOND
        away = True
        for server in servers:
            server.connections[0].lose(PeerClosed(1006))
        await trio.sleep(30)
        away = False
        returned_at = trio.current_time()
        for account in bridge.accounts.values():
            await account.wait_ready()
        back = sorted(server.connected_at[1] - returned_at for server in servers)
        assert back[989] <= 60
        assert back[-1] <= 65
        assert {len(server.connections) for server in servers} == {2}
    gaps = [late - early for early, late in zip(attempts, attempts[CONNECTS_PER_SECOND:], strict=False)]
    assert min(gaps) >= 1, "at most 25 in any second"


@attrs.frozen(kw_only=True)
class Ill(Fake):
    """An account under which the engine itself fails, three times."""

    crashed_at: list[float] = attrs.Factory(list)

    @property
    def backoff(self) -> Backoff:
        if len(self.crashed_at) < 3:
            self.crashed_at.append(trio.current_time())
            raise ZeroDivisionError("a bug of ours")
        return super().backoff


async def test_a_crash_under_one_account_of_a_hundred_is_its_own(autojump_clock: MockClock, virtual_cap: None) -> None:
    """It comes back, later each time; what it had stored is handled. The others notice nothing."""
    handled: list[str] = []

    async def handler(message: Message) -> None:
        await trio.sleep(1)
        handled.append(message.id)

    ill = Ill(name="ill", server=FakeServer())
    others = [Fake(name=f"a{index}", server=FakeServer()) for index in range(99)]
    async with open_bridge([ill, *others], handler, environment=virtual_environment()) as bridge:
        for account in bridge.accounts.values():
            await account.wait_ready()
        for number in range(1, 5):
            link = await ill.server.connection(number)
            link.push(f"ill/{number}")
            for other in others:
                other.server.connections[0].push(f"{other.name}/{number}")
            await trio.sleep(0.5)
            link.lose()
        await ill.server.connection(5)
        waits = [at - crash for at, crash in zip(ill.server.connected_at[1:], ill.crashed_at, strict=False)]
        assert waits == pytest.approx([0.5, 1.0, 2.0])
        await trio.sleep(5)
        assert [key for key in handled if key.startswith("ill/")] == ["ill/1", "ill/2", "ill/3", "ill/4"]
        assert len(handled) == len(set(handled)) == 4 * 100
        assert {account.state for account in bridge.accounts.values()} == {"ready"}
        assert {bridge.account(other.name).generation for other in others} == {1}
        assert bridge.account("ill").generation == 5

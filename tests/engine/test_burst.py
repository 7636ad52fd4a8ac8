"""Ten thousand messages within a second, under each of the three ways to meet them."""

from __future__ import annotations

import collections
import gc
from collections.abc import Callable
from pathlib import Path

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import OpenFake
from tests.engine.fake import FakeLink, FakeServer
from trio_bridge.engine.account import Account
from trio_bridge.messages import Message
from trio_bridge.stores.sqlite import inline, open_sqlite
from trio_bridge.wire.protocol import Delivery

BURST = 10_000
HEAP = 500
"""Messages that arrive in one moment."""
LANES = 50
QUEUE = 256


class Reader:
    """A handler that takes a while, and remembers the order in which it read."""

    def __init__(self) -> None:
        self.read: collections.defaultdict[str, list[int]] = collections.defaultdict(list)

    async def __call__(self, message: Message) -> None:
        await trio.sleep(0.001)
        self.read[message.conversation.id].append(int(message.text))

    @property
    def count(self) -> int:
        return sum(map(len, self.read.values()))

    @property
    def in_order(self) -> bool:
        return all(numbers == sorted(set(numbers)) for numbers in self.read.values())


def deliver(link: FakeLink, number: int) -> str:
    return link.push(f"m{number}", str(number), lane=f"lane-{number % LANES}")


async def burst(link: FakeLink, look: Callable[[], object]) -> dict[str, int]:
    """Deliver all messages within a second. Returns their numbers by what acknowledges them."""
    ids: dict[str, int] = {}
    for first in range(0, BURST, HEAP):
        ids |= {deliver(link, number): number for number in range(first, first + HEAP)}
        await trio.sleep(HEAP / BURST)
        look()
    return ids


def unacknowledged(link: FakeLink, ids: dict[str, int]) -> list[int]:
    acknowledged = set(link.sent)
    return [number for ack_id, number in ids.items() if f"ack {ack_id}" not in acknowledged]


def deliveries_in_memory() -> int:
    gc.collect()
    return sum(type(thing) is Delivery for thing in gc.get_objects())


def books_balance(account: Account) -> bool:
    counters = account.counters
    return counters.received == (
        counters.stored + counters.duplicates + counters.shed + counters.dropped + counters.refused + counters.answered
    )


async def test_spill_stores_and_acknowledges_everything_at_once_and_keeps_it_on_disk(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, tmp_path: Path
) -> None:
    reader = Reader()
    async with open_sqlite(tmp_path / "bridge.db", executor=inline) as store, open_fake(reader, store=store) as account:
        link = await server.connection()
        begun = trio.current_time()
        await burst(link, lambda: None)
        # What came last is still at hand for those who read and store it.
        assert deliveries_in_memory() <= QUEUE + HEAP
        await server.until(lambda: len(link.sent) == BURST)
        assert trio.current_time() - begun <= 3
        while reader.count < BURST:
            await trio.sleep(0.1)
        await wait_all_tasks_blocked()
        assert reader.in_order
        counters = account.counters
        assert (counters.received, counters.stored, counters.acked, counters.handled) == (BURST,) * 4
        assert books_balance(account)


async def test_shed_handles_once_what_the_platform_sends_again(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    reader = Reader()
    depths: list[int] = []

    async with open_fake(reader, overflow="shed", queue_size=QUEUE) as account:

        def look() -> None:
            depths.append(account.statistics().inbox_depth)

        link = await server.connection()
        shed = unacknowledged(link, await burst(link, look))
        assert deliveries_in_memory() <= QUEUE + HEAP
        assert account.counters.shed == len(shed) > 0
        assert account.counters.stored == BURST - len(shed)
        while shed:  # The platform's patience: a few hundred at a time, the oldest first.
            again, shed = {deliver(link, number): number for number in shed[:HEAP]}, shed[HEAP:]
            await trio.sleep(0.1)
            look()
            shed += unacknowledged(link, again)
        await trio.sleep(1)
        assert reader.count == account.counters.handled == account.counters.stored == BURST
        assert all(len(numbers) == len(set(numbers)) for numbers in reader.read.values())
        assert books_balance(account)
    assert max(depths) <= QUEUE


async def test_drop_acknowledges_everything_and_counts_what_is_gone(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    reader = Reader()
    depths: list[int] = []
    async with open_fake(reader, overflow="drop", queue_size=QUEUE) as account:
        link = await server.connection()
        await burst(link, lambda: depths.append(account.statistics().inbox_depth))
        await trio.sleep(1)
        counters = account.counters
        assert len(link.sent) == counters.acked == counters.received == BURST
        assert reader.count == counters.handled == counters.stored == BURST - counters.dropped < BURST
        assert reader.in_order
        assert books_balance(account)
    assert max(depths) <= QUEUE

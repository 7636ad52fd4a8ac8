"""The queue of deliveries in corners: bounds, restarts, a store that comes and goes."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import OpenFake, virtual_environment
from tests.engine.fake import Fake, FakeServer
from tests.engine.gated import GatedStore
from trio_bridge.engine.inbox import Inbox
from trio_bridge.engine.statistics import Counters
from trio_bridge.engine.store import Completion
from trio_bridge.errors import StoreUnavailable
from trio_bridge.messages import Message
from trio_bridge.stores.memory import MemoryAccount, MemoryStore
from trio_bridge.wire.protocol import Delivery


class Handler:
    """Takes its time, or waits to be released, and notes when what began."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.begun: dict[str, float] = {}
        self.release = trio.Event()

    async def __call__(self, message: Message) -> None:
        self.begun[message.id] = trio.current_time()
        await trio.sleep(self.seconds)
        if not self.seconds:
            await self.release.wait()


async def test_a_claim_that_the_store_failed_at_is_made_when_it_is_back(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    store, handler = GatedStore(), Handler(10)
    async with open_fake(handler, store=store, workers=1) as account:
        link = await server.connection()
        for lane in "abc":
            link.push(lane, lane=lane)
        await trio.sleep(5)
        store.gate.failing = True
        await trio.sleep(20)
        assert list(handler.begun) == ["a"]
        store.gate.failing = False
        await trio.sleep(40)
        assert sorted(handler.begun) == ["a", "b", "c"]
        assert account.counters.handled == 3


async def test_the_queue_is_bounded_by_the_size_of_its_data_too(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    handler = Handler()
    async with open_fake(handler, overflow="shed", queue_bytes=3000) as account:
        link = await server.connection()
        for index in range(5):
            link.push(f"m{index}", "x" * 1000, lane=str(index))
            await wait_all_tasks_blocked()
        assert (account.counters.stored, account.counters.shed) == (2, 3)
        handler.release.set()
        await wait_all_tasks_blocked()
        link.push("m5", "x" * 1000)
        await trio.sleep(1)
        assert account.counters.stored == 3, "what was handled has made room"


async def test_what_is_being_claimed_takes_room(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    store, handler = GatedStore(), Handler()
    async with open_fake(handler, store=store, workers=2, queue_size=2) as account:
        link = await server.connection()
        store.gate.open = trio.Event()
        link.push("m1", lane="1")
        await wait_all_tasks_blocked()
        store.gate.claims = trio.Event()
        store.gate.open.set()
        for index in range(2, 6):
            link.push(f"m{index}", lane=str(index))
        await wait_all_tasks_blocked()
        store.gate.claims.set()
        await trio.sleep(1)
        assert account.counters.stored <= 2, "a memory store sheds by default"
        assert account.counters.stored + account.counters.shed == 5


async def test_what_is_claimed_in_the_same_round_takes_room(autojump_clock: MockClock) -> None:
    kept = await MemoryStore().open_account("a", platform="fake")
    counters = Counters()
    config = Fake(server=FakeServer(), workers=2, queue_size=2, overflow="shed")
    inbox = Inbox(config, kept, virtual_environment(), counters, durable=False)
    await inbox.open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.run)
        inbox.rescue([Delivery(key, key, "t", "{}") for key in ("m1", "m2")])
        await wait_all_tasks_blocked()
        nursery.start_soon(inbox.next, object())
        inbox.rescue([Delivery("m3", "m3", "t", "{}")])
        await wait_all_tasks_blocked()
        inbox.close()
        nursery.cancel_scope.cancel()
    assert (counters.stored, counters.shed) == (2, 1)


async def test_a_failed_message_waits_for_its_next_try_over_a_restart(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    tried: list[float] = []

    async def handler(message: Message) -> None:
        tried.append(trio.current_time())
        if len(tried) < 7:
            raise RuntimeError("no")

    store = MemoryStore()
    async with open_fake(handler, store=store, max_attempts=10):
        (await server.connection()).push("m1")
        while len(tried) < 6:
            await trio.sleep(0.1)
    async with open_fake(handler, store=store, max_attempts=10):
        await trio.sleep(60)
    assert tried[6] - tried[5] == pytest.approx(16)


async def test_the_next_of_a_conversation_waits_for_the_handler_and_not_only_for_its_transaction(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    begun: list[float] = []

    async def handler(message: Message) -> None:
        begun.append(trio.current_time())
        async with message.transaction():
            pass
        await trio.sleep(10)

    async with open_fake(handler):
        link = await server.connection()
        link.push("m1")
        link.push("m2")
        await trio.sleep(30)
    assert begun[1] - begun[0] == 10


async def test_dead_letters_are_an_alarm_after_a_restart_too(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def handler(message: Message) -> None:
        raise RuntimeError("no")

    store = MemoryStore()
    async with open_fake(handler, store=store, max_attempts=1):
        (await server.connection()).push("m1")
        await trio.sleep(1)
    async with open_fake(handler, store=store) as account:
        await server.connection(2)
        assert account.alarms == {"dead_letters"}
        assert account.statistics().dead_letters == 1


async def test_the_slot_of_a_worker_that_ignores_its_cancellation_is_lost(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    stubborn = trio.Event()
    begun: list[str] = []

    async def handler(message: Message) -> None:
        begun.append(message.id)
        if len(begun) == 1:
            with trio.CancelScope(shield=True):
                await stubborn.wait()

    async with open_fake(handler, workers=1, handler_timeout=10) as account:
        link = await server.connection()
        link.push("m1")
        link.push("other", lane="other")
        await trio.sleep(30)
        link.lose()  # the next connection has a worker to spare, the account has none
        await server.connection(2)
        await trio.sleep(30)
        assert begun == ["m1"]
        assert account.alarms == {"worker_stuck"}
        stubborn.set()
        await trio.sleep(10)
        assert sorted(begun) == ["m1", "m1", "other"]


async def test_the_reader_waits_a_second_for_a_slow_store_then_sheds_and_goes_on(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    store = GatedStore()
    async with open_fake(Handler(1), store=store) as account:
        link = await server.connection()
        store.gate.open = trio.Event()
        for index in range(19):  # one in the store, 16 on their way to it, and two that find no room
            link.push(f"m{index}")
            await wait_all_tasks_blocked()
        await trio.sleep(1.5)
        link.leave()
        await trio.sleep(1)
        assert len(server.connections) == 2, "it still hears what the server says"
        assert account.counters.shed == 2
        store.gate.open.set()
        await trio.sleep(1)
        assert account.counters.stored == 17


async def test_what_an_operator_purged_meanwhile_does_not_block_its_conversation(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    class Purging(MemoryAccount):
        async def work(self, work):  # type: ignore[no-untyped-def]
            done = await super().work(work)
            if self.gone and done.claimed:
                self.gone = False
                return type(done)(done.accepted, done.finished, [None] * len(done.claimed))
            return done

        gone = True

    class Store(MemoryStore):
        async def open_account(self, name: str, **kwargs: object) -> MemoryAccount:  # type: ignore[override]
            account = await super().open_account(name, **kwargs)  # type: ignore[arg-type]
            account.__class__ = Purging
            return account

    handler = Handler(1)
    async with open_fake(handler, store=Store()):
        link = await server.connection()
        link.push("m1")
        link.push("m2")
        await trio.sleep(10)
    assert list(handler.begun) == ["m2"]


async def test_a_store_that_cannot_be_trimmed_ends_nothing(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def trim(account: MemoryAccount, *, before: float) -> int:
        raise StoreUnavailable("locked")

    monkeypatch.setattr(MemoryAccount, "trim", trim)
    async with open_fake(None) as account:
        await trio.sleep(600)
        assert account.generation == 1


async def test_the_slot_of_a_worker_that_is_lost_is_nobody_elses(autojump_clock: MockClock) -> None:
    kept = await MemoryStore().open_account("a", platform="fake")
    inbox = Inbox(Fake(server=FakeServer(), workers=2), kept, virtual_environment(), Counters(), durable=False)
    await inbox.open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.run)
        inbox.rescue([Delivery(f"m{number}", str(number), "t", "{}") for number in range(9)])
        first = await inbox.next("old")
        assert first is not None
        inbox.mark_nowait(first, Completion(first.claim.seq, first.claim.fence, "done"))
        inbox.let_go(first)
        stuck, quick = await inbox.next("old"), await inbox.next("new")
        nursery.start_soon(inbox.next, "new")
        await wait_all_tasks_blocked()
        at_hand = inbox.anything_at_hand
        assert stuck is not None
        inbox.revoke(stuck)
        busy, lost = inbox.busy, inbox.lost_workers
        nursery.cancel_scope.cancel()
        inbox.close()
    assert at_hand
    assert quick is not None
    assert (busy, lost) == (2, 1)

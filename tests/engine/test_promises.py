"""What is promised to whoever hands us a message: one test for each promise, named after it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import OpenFake, virtual_environment
from tests.engine.fake import Fake, FakeServer
from trio_bridge.engine.store import Done, Work
from trio_bridge.errors import StoreUnavailable
from trio_bridge.messages import Message
from trio_bridge.opening import open_account
from trio_bridge.stores.memory import MemoryAccount, MemoryStore


class Gate:
    """A store whose rounds can be made to wait, or to fail."""

    def __init__(self) -> None:
        self.open = trio.Event()
        self.open.set()
        self.claims = trio.Event()
        """Lets rounds in which something is claimed pass."""
        self.claims.set()
        self.failing = False
        self.rounds: list[Work] = []


class GatedAccount(MemoryAccount):
    gate: Gate

    async def work(self, work: Work) -> Done:
        await self.gate.open.wait()
        if work.claim:
            await self.gate.claims.wait()
        if self.gate.failing:
            raise StoreUnavailable("disk full")
        self.gate.rounds.append(work)
        return await super().work(work)


class GatedStore(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()

    async def open_account(self, name: str, **kwargs: object) -> MemoryAccount:  # type: ignore[override]
        account = await super().open_account(name, **kwargs)  # type: ignore[arg-type]
        account.__class__ = GatedAccount
        account.gate = self.gate  # type: ignore[attr-defined]
        return account


async def nothing(message: Message) -> None:
    pass


async def test_receive_nothing_is_acknowledged_before_it_is_stored(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    store = GatedStore()
    async with open_fake(nothing, store=store):
        link = await server.connection()
        store.gate.open = trio.Event()
        ack_id = link.push("m1")
        await wait_all_tasks_blocked()
        assert link.sent == []
        store.gate.open.set()
        await server.until(lambda: link.acked(ack_id))


async def test_ack_goes_to_the_connection_that_delivered_or_to_none(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    store = GatedStore()
    done: list[str] = []

    async def handler(message: Message) -> None:
        done.append(message.id)

    async with open_fake(handler, store=store):
        first = await server.connection()
        store.gate.open = trio.Event()
        first.push("m1")
        await wait_all_tasks_blocked()
        first.lose()
        second = await server.connection(2)
        store.gate.open.set()
        await trio.sleep(1)
        assert first.sent == second.sent == []
        assert done == ["m1"], "it is stored and handled all the same"
        copy = second.push("m1")
        await server.until(lambda: second.acked(copy))
    assert done == ["m1"]


async def test_ack_waits_for_no_handler(autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake) -> None:
    async def handler(message: Message) -> None:
        await trio.sleep(300)

    async with open_fake(handler, workers=1):
        link = await server.connection()
        pushed_at = trio.current_time()
        ids = [link.push(f"m{index}") for index in range(20)]
        await server.until(lambda: all(link.acked(ack_id) for ack_id in ids))
        assert trio.current_time() == pushed_at


async def test_cannot_store_means_no_acknowledgement_an_alarm_and_an_open_connection(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    store = GatedStore()
    handled: list[str] = []

    async def handler(message: Message) -> None:
        handled.append(message.id)

    async with open_fake(handler, store=store) as account:
        link = await server.connection()
        store.gate.failing = True
        ack_id = link.push("m1")
        await trio.sleep(5)
        assert link.sent == [f"refused {ack_id}"]
        assert account.alarms == {"storage"}
        assert account.state == "ready"
        assert account.generation == 1
        store.gate.failing = False
        copy = link.push("m1")
        await server.until(lambda: link.acked(copy))
        await trio.sleep(2)
        assert handled == ["m1"]
        assert account.alarms == set()
        counters = account.counters
        assert counters.received == counters.stored + counters.refused == 2


async def test_handled_is_not_handled_again_when_the_store_fails_at_the_end(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    """A storage error costs no attempt, and no second run either."""
    store = GatedStore()
    runs: list[str] = []

    async def handler(message: Message) -> str:
        runs.append(message.id)
        store.gate.failing = True
        return "answer"

    async with open_fake(handler, store=store) as account:
        link = await server.connection()
        link.push("m1")
        await trio.sleep(100)
        assert server.texts == []
        store.gate.failing = False
        await server.until(lambda: server.texts)
        assert runs == ["m1"]
        assert account.counters.failed == 0


async def test_handled_is_not_handled_again_when_the_account_is_stopped_in_that_moment(
    autojump_clock: MockClock, server: FakeServer, virtual_cap: None
) -> None:
    """A completion that is on its way to the store arrives there."""
    store = GatedStore()
    runs: list[str] = []

    async def handler(message: Message) -> None:
        runs.append(message.id)
        store.gate.open = trio.Event()

    for number in (1, 2):
        async with open_account(
            Fake(server=server), handler, store=store, environment=virtual_environment()
        ) as account:
            link = await server.connection(number)
            link.push("m1")
            await wait_all_tasks_blocked()
            account.wish_stopped()
            await wait_all_tasks_blocked()
            store.gate.open.set()
            await account.wait_stopped(1)
    assert runs == ["m1"]


@pytest.mark.parametrize("grace", [0, 5])
async def test_a_claim_under_way_when_the_account_stops_costs_nothing(
    grace: float, autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    store = GatedStore()
    handled: list[str] = []

    async def handler(message: Message) -> None:
        handled.append(message.id)

    async with open_fake(handler, store=store) as account:
        link = await server.connection()
        store.gate.claims = trio.Event()
        link.push("m1")
        await wait_all_tasks_blocked()
        assert account.statistics().inbox_depth == 1
        account.wish_stopped(grace)
        await wait_all_tasks_blocked()
        store.gate.claims.set()
        assert await account.wait_stopped(grace + 1)
    kept = await store.open_account("a", platform="fake")
    found = await kept.recover(now=0.0, max_deaths=3, max_attempts=5)
    [claim] = (await kept.work(Work(now=0.0, claim=[row.seq for row in found.waiting]))).claimed
    assert claim is not None
    assert (handled, found.died, claim.attempts, claim.interrupted) == ([], 0, 1, 0)


async def test_dedupe_one_run_for_all_copies(autojump_clock: MockClock, server: FakeServer, virtual_cap: None) -> None:
    runs: list[str] = []

    async def handler(message: Message) -> None:
        runs.append(message.id)

    store = MemoryStore()
    config = Fake(server=server, dedupe_ttl=86_400)
    environment = virtual_environment()
    async with open_account(config, handler, store=store, environment=environment):
        link = await server.connection()
        for wait in (0, 60, 6 * 3600):
            await trio.sleep(wait)
            copy = link.push("m1")
            await server.until(lambda copy=copy: link.acked(copy))  # type: ignore[misc]
    async with open_account(config, handler, store=store, environment=environment):
        link = await server.connection(2)
        copy = link.push("m1")
        await server.until(lambda: link.acked(copy))
        assert runs == ["m1"]
        await trio.sleep(86_400)
        link.push("m1")
        await trio.sleep(1)
        assert runs == ["m1", "m1"], "a day after its first sight it is forgotten"


async def test_dedupe_is_each_accounts_own(autojump_clock: MockClock, server: FakeServer, virtual_cap: None) -> None:
    from trio_bridge.opening import open_bridge

    runs: list[tuple[str, str]] = []

    async def handler(message: Message) -> None:
        runs.append((message.account, message.id))

    other = FakeServer()
    accounts = [Fake(name="a", server=server), Fake(name="b", server=other)]
    async with open_bridge(accounts, handler, environment=virtual_environment()):
        (await server.connection()).push("m1")
        (await other.connection()).push("m1")
        await trio.sleep(1)
    assert sorted(runs) == [("a", "m1"), ("b", "m1")]


async def test_attempts_an_exception_costs_one_and_five_make_a_dead_letter(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    runs: list[float] = []

    async def handler(message: Message) -> None:
        if message.id == "poison":
            runs.append(trio.current_time())
            raise RuntimeError("no")
        await message.reply("fine")

    async with open_fake(handler) as account:
        link = await server.connection()
        link.push("poison")
        link.push("next")
        await server.until(lambda: server.answers)
        assert len(runs) == 5
        assert [late - early for early, late in itertools.pairwise(runs)] == pytest.approx([0.5, 1, 2, 4])
        assert account.alarms == {"dead_letters"}
        assert account.statistics().dead_letters == 1
        assert account.counters.failed == 5
        assert account.generation == 1


async def test_attempts_a_time_limit_costs_one(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    runs: list[float] = []

    async def handler(message: Message) -> None:
        runs.append(trio.current_time())
        await trio.sleep(1000)

    async with open_fake(handler, handler_timeout=30, max_attempts=2) as account:
        (await server.connection()).push("m1")
        await trio.sleep(120)
        assert len(runs) == 2
        assert account.alarms == {"dead_letters"}


async def test_poison_halt_stops_the_lane_and_no_other(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    handled: list[str] = []

    async def handler(message: Message) -> None:
        if message.id == "poison":
            raise RuntimeError("no")
        handled.append(message.id)

    store = MemoryStore()
    for start in range(2):
        async with open_fake(handler, store=store, on_poison="halt", max_attempts=1):
            link = await server.connection(start + 1)
            if not start:
                link.push("poison")
                link.push("after")
            link.push(f"elsewhere{start}", lane="other")
            await trio.sleep(100)
    assert handled == ["elsewhere0", "elsewhere1"]


async def test_order_holds_within_a_conversation_and_across_connections(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    begun: list[str] = []
    at_work: set[str] = set()

    async def handler(message: Message) -> None:
        lane = message.conversation.id
        assert lane not in at_work, "one of a conversation at a time, old and new workers together"
        at_work.add(lane)
        begun.append(message.id)
        await trio.sleep(7)
        at_work.remove(lane)

    async with open_fake(handler, workers=4) as account:
        for number in range(1, 7):
            link = await server.connection(number)
            for lane in "abc":
                link.push(f"{lane}{number}", lane=lane)
            await wait_all_tasks_blocked()
            await trio.sleep(5)
            link.lose()
        await trio.sleep(60)
        assert account.counters.handled == 18
    for lane in "abc":
        assert [key for key in begun if key[0] == lane] == [f"{lane}{number}" for number in range(1, 7)]


async def test_overload_shed_leaves_unacknowledged_and_the_copy_is_handled_once(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    release = trio.Event()
    handled: list[str] = []

    async def handler(message: Message) -> None:
        await release.wait()
        handled.append(message.id)

    async with open_fake(handler, workers=2, queue_size=4, overflow="shed") as account:
        link = await server.connection()
        ids = {f"m{index}": link.push(f"m{index}", lane=f"lane{index}") for index in range(10)}
        await wait_all_tasks_blocked()
        acked = [key for key, ack_id in ids.items() if link.acked(ack_id)]
        assert len(acked) == 4
        copy = link.push(acked[0])
        await server.until(lambda: link.acked(copy)), "a duplicate is acknowledged under every policy"
        release.set()
        await wait_all_tasks_blocked()
        for key in ids.keys() - set(acked):
            link.push(key, lane=key)
            await wait_all_tasks_blocked()
        await trio.sleep(1)
        assert sorted(handled) == sorted(ids)
        counters = account.counters
        assert counters.shed == 6
        assert counters.received == counters.stored + counters.duplicates + counters.shed


async def test_overload_drop_acknowledges_and_counts(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    release = trio.Event()

    async def handler(message: Message) -> None:
        await release.wait()

    async with open_fake(handler, workers=2, queue_size=4, overflow="drop") as account:
        link = await server.connection()
        ids = [link.push(f"m{index}", lane=f"lane{index}") for index in range(10)]
        await wait_all_tasks_blocked()
        assert all(link.acked(ack_id) for ack_id in ids)
        assert account.counters.dropped == 6
        release.set()
        await trio.sleep(1)
        assert account.counters.handled == 4


async def test_overload_spill_keeps_everything(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    handled: list[str] = []

    async def handler(message: Message) -> None:
        await trio.sleep(0.01)
        handled.append(message.id)

    async with open_fake(handler, queue_size=8, overflow="spill") as account:
        link = await server.connection()
        ids = [link.push(f"m{index}", lane=f"lane{index % 50}") for index in range(2000)]
        await server.until(lambda: all(link.acked(ack_id) for ack_id in ids[-1:]))
        assert account.statistics().inbox_depth > 100
        while len(handled) < 2000:
            await trio.sleep(1)
    assert len(set(handled)) == 2000


async def test_send_a_reply_has_one_key_whatever_happens(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    runs: list[int] = []

    async def handler(message: Message) -> None:
        runs.append(len(runs))
        receipt = await message.reply(f"first, run {len(runs)}")
        assert receipt.key == "m1/1"
        if len(runs) == 1:
            raise RuntimeError("after the first reply")
        receipt = await message.reply("second")
        assert receipt.key == "m1/2"

    async with open_fake(handler):
        (await server.connection()).push("m1")
        await server.until(lambda: len(server.answers) == 2)
        await trio.sleep(60)
    assert server.answers == [("m1/1", "first, run 1"), ("m1/2", "second")]


async def test_a_returned_text_is_a_reply_and_generated_text_is_a_stream(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def pieces(message: Message) -> AsyncIterator[str]:
        yield "one "
        await trio.sleep(1)
        yield "two"

    async with open_fake(pieces):
        (await server.connection()).push("m1")
        await server.until(lambda: server.answers)
    assert server.answers == [("m1/1", "one two")]


@pytest.mark.parametrize(
    "raised",
    [ValueError("x"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), BaseExceptionGroup("g", [SystemExit()])],
    ids=lambda raised: type(raised).__name__,
)
async def test_handlers_are_walled_in(
    raised: BaseException, autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def handler(message: Message) -> None:
        if message.id == "bad":
            raise raised
        await message.reply("fine")

    async with open_fake(handler, max_attempts=2) as account:
        link = await server.connection()
        link.push("bad", lane="x")
        link.push("good", lane="y")
        await server.until(lambda: server.answers)
        await trio.sleep(60)
        assert account.generation == 1
        assert account.counters.failed == 2
        assert account.state == "ready"


@pytest.mark.parametrize("junk", [42, b"bytes", ["list"]])
async def test_a_handler_that_returns_junk_has_failed(
    junk: object, autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def handler(message: Message) -> object:
        return junk

    def not_async(message: Message) -> object:
        return junk

    for number, bad in enumerate((handler, not_async), start=1):
        async with open_fake(bad, max_attempts=1) as account:
            (await server.connection(number)).push("m1")
            await trio.sleep(1)
            assert account.counters.failed == 1


async def test_no_message_of_a_dead_peer_is_lost_between_reader_and_store(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    """What had arrived when the connection was lost is stored, and not acknowledged."""
    store = GatedStore()
    handled: list[str] = []

    async def handler(message: Message) -> None:
        handled.append(message.id)

    async with open_fake(handler, store=store):
        link = await server.connection()
        store.gate.open = trio.Event()
        for index in range(5):
            link.push(f"m{index}", lane=str(index))
            await wait_all_tasks_blocked()
        link.lose()
        await wait_all_tasks_blocked()
        store.gate.open.set()
        await trio.sleep(1)
        assert sorted(handled) == [f"m{index}" for index in range(5)]
        assert link.sent == []


async def test_completion_and_the_next_claim_share_a_commit(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    store = GatedStore()

    async def handler(message: Message) -> None:
        await trio.sleep(1)

    async with open_fake(handler, store=store, workers=1):
        link = await server.connection()
        for index in range(5):
            link.push(f"m{index}")
        await trio.sleep(10)
    finishes = [work for work in store.gate.rounds if work.finish]
    assert len(finishes) == 5
    assert all(work.claim for work in finishes[:-1])

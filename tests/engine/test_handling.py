"""What is promised of handling: attempts, poison, order, overload, replies. Tests carry the promises' names."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import OpenFake
from tests.engine.fake import FakePlatform, FakeServer
from tests.engine.gated import GatedStore
from trio_bridge.engine.store import Work
from trio_bridge.messages import Attachment, Message, Reply
from trio_bridge.stores.memory import MemoryStore


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


async def test_a_time_limit_holds_nearly_also_after_quick_messages(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    """To move the deadline of a worker for each of them would cost more than they do."""
    took: list[float] = []

    async def handler(message: Message) -> None:
        if message.text == "wait":
            await trio.sleep(0.01)
        if message.text == "hang":
            begun = trio.current_time()
            try:
                await trio.sleep_forever()
            finally:
                took.append(trio.current_time() - begun)

    async with open_fake(handler, handler_timeout=30, workers=1, max_attempts=2):
        link = await server.connection()
        link.push("quick", "quick")  # From now on others are claimed ahead.
        await trio.sleep(1)
        for number in range(50):
            link.push(f"m{number}", "wait", lane=str(number))
        link.push("last", "hang", lane="last")
        await trio.sleep(100)
    assert len(took) == 2
    assert all(29.7 <= seconds <= 30 for seconds in took)
    assert took[0] < 30


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


async def test_a_returned_reply_is_committed_with_the_end_of_its_message(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, tmp_path: Path
) -> None:
    returned = {
        "file": Reply("", [Attachment(tmp_path / "week.pdf")], title="Week"),
        "text": Reply("hello", title="Hi"),
        "nothing": Reply(),
    }

    async def handler(message: Message) -> Reply:
        return returned[message.id]

    sent: dict[str, Reply] = {}
    server.on_send = lambda outgoing: sent.update({outgoing.key: outgoing.reply})
    async with open_fake(handler) as account:
        link = await server.connection()
        for name in returned:
            link.push(name, lane=name)
        await server.until(lambda: len(sent) == 2 and account.counters.handled == 3)
    assert sent == {"file/1": returned["file"], "text/1": returned["text"]}


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


@pytest.mark.parametrize("in_group", [False, True])
async def test_a_cancellation_that_is_nobodys_is_the_handlers_failure(
    in_group: bool, autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    """As what was kept of the outcome of another task may hold."""

    async def handler(message: Message) -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            try:
                await trio.lowlevel.checkpoint()
            except trio.Cancelled as cancelled:
                kept = cancelled
        raise BaseExceptionGroup("kept", [kept]) if in_group else kept

    async with open_fake(handler, max_attempts=2) as account:
        (await server.connection()).push("bad")
        await trio.sleep(60)
        assert (account.generation, account.counters.failed, account.counters.interrupted) == (1, 2, 0)
        assert account.statistics().inbox_depth == 0


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


async def test_what_is_cut_off_before_its_handler_began_was_not_interrupted(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def admits(self: FakePlatform, message: Message) -> bool:
        await trio.sleep(5)
        return True

    monkeypatch.setattr(FakePlatform, "admits", admits)
    store, runs = MemoryStore(), list[str]()

    async def handler(message: Message) -> None:
        runs.append(message.id)

    async with open_fake(handler, store=store) as account:
        (await server.connection()).push("m1")
        await trio.sleep(1)
        account.wish_stopped()
        assert await account.wait_stopped(1)
        assert account.counters.interrupted == 0
    kept = await store.open_account("a", platform="fake")
    [waiting] = (await kept.recover(now=0.0, max_deaths=3, max_attempts=5)).waiting
    [claim] = (await kept.work(Work(now=0.0, claim=[waiting.seq]))).claimed
    assert claim is not None
    assert (runs, claim.attempts, claim.deaths, claim.interrupted) == ([], 1, 0, 0)

"""Claims ahead of the workers: many in one commit where handlers are quick, and no harm where they turn out slow."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import OpenFake, virtual_environment
from tests.engine.fake import Fake, FakeServer
from tests.engine.gated import GatedStore
from trio_bridge.engine.handout import Handout
from trio_bridge.engine.held import Held
from trio_bridge.engine.inbox import Inbox
from trio_bridge.engine.statistics import Counters
from trio_bridge.engine.store import Completion
from trio_bridge.messages import Message
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.wire.protocol import Delivery


async def test_quick_handlers_share_commits_and_slow_ones_claim_for_themselves_alone(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    pause = 0.0

    async def handler(message: Message) -> None:
        await trio.sleep(pause)

    store = GatedStore()
    async with open_fake(handler, store=store, workers=2, queue_size=1000, overflow="spill") as account:
        link = await server.connection()
        for number in range(200):
            link.push(f"quick{number}", lane=str(number))
        await server.until(lambda: account.counters.handled == 200)
        rounds = [len(work.claim) for work in store.gate.rounds if work.claim]
        assert rounds[0] <= 2, "nothing is known of the handlers yet"
        assert max(rounds) > 20
        pause = 5.0
        for number in range(10):
            link.push(f"slow{number}", lane=str(number))
        await trio.sleep(7)
        in_hand = account.statistics().running_handlers
        assert in_hand == 2
        assert account.statistics().inbox_depth == 10 - 2
        store.gate.rounds.clear()
        await server.until(lambda: account.counters.handled == 210)
        assert max(len(work.claim) for work in store.gate.rounds) <= 2


async def test_what_was_claimed_too_early_goes_back_at_no_cost(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    claims: list[tuple[int, int]] = []
    pause = 0.0

    async def handler(message: Message) -> None:
        await trio.sleep(pause)

    store = GatedStore()
    async with open_fake(handler, store=store, workers=1, queue_size=1000, overflow="spill") as account:
        link = await server.connection()
        link.push("first", lane="0")
        await server.until(lambda: account.counters.handled == 1)
        pause = 5.0
        for number in range(4):
            link.push(f"m{number}", lane=str(number))
        await trio.sleep(4)
        released = [done for work in store.gate.rounds for done in work.finish if done.result == "release"]
        assert released
        assert all(done.unstarted for done in released)
        await server.until(lambda: account.counters.handled == 5)
        assert account.counters.interrupted == 0
        claims = [seq for work in store.gate.rounds for seq in work.claim]
        assert all(claims.count(seq) <= 2 for seq in claims), "claimed ahead once at the most"


async def test_what_a_death_found_claimed_ahead_is_not_claimed_ahead_again(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    store = GatedStore()
    kept = await store.open_account("a", platform="fake")
    dead = Inbox(Fake(server=FakeServer(), workers=1), kept, virtual_environment(), Counters(), durable=False)
    await dead.open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(dead.run)
        dead.rescue([Delivery(f"m{number}", str(number), "t", "{}") for number in range(5)])
        await wait_all_tasks_blocked()
        held = await dead.next("crew")
        assert held is not None
        dead.mark_nowait(held, Completion(held.claim.seq, held.claim.fence, "done"))
        dead.let_go(held)
        await wait_all_tasks_blocked()
        assert len(store.gate.rounds[-1].claim) > 1
        nursery.cancel_scope.cancel()
        dead._serving.shield = False
    store.gate.rounds.clear()
    inbox = Inbox(Fake(server=FakeServer(), workers=1), kept, virtual_environment(), Counters(), durable=False)
    await inbox.open()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.run)
        for _ in range(4):
            held = await inbox.next("crew")
            assert held is not None
            assert (held.claim.attempts, held.claim.deaths) == (2, 1)
            inbox.mark_nowait(held, Completion(held.claim.seq, held.claim.fence, "done"))
            inbox.let_go(held)
        inbox.close()
    assert max(len(work.claim) for work in store.gate.rounds) == 1


async def test_a_drain_gives_back_what_was_claimed_ahead_at_no_cost(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    runs: list[str] = []
    pause = 0.0

    async def handler(message: Message) -> None:
        runs.append(message.id)
        await trio.sleep(pause)

    store = MemoryStore()
    async with open_fake(handler, store=store, workers=1, overflow="spill") as account:
        link = await server.connection()
        link.push("first", lane="0")
        await server.until(lambda: account.counters.handled == 1)
        pause = 0.5
        for number in range(4):
            link.push(f"m{number}", lane=str(number))
        await server.until(lambda: len(runs) == 2)
    assert len(runs) == 2, "the one in hand is finished, no other begun"
    async with open_fake(handler, store=store, workers=1, max_attempts=1) as account:
        await server.until(lambda: len(runs) == 5)
        await server.until(lambda: account.counters.handled == 3)
    assert len(set(runs)) == 5


async def test_where_one_death_would_bury_nothing_is_claimed_ahead(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def handler(message: Message) -> None:
        pass

    store = GatedStore()
    async with open_fake(handler, store=store, workers=2, max_attempts=1) as account:
        link = await server.connection()
        for number in range(100):
            link.push(f"m{number}", lane=str(number))
        await server.until(lambda: account.counters.handled == 100)
    assert max(len(work.claim) for work in store.gate.rounds) == 2


async def test_what_a_worker_leaves_that_is_cancelled_in_a_drain_goes_back(
    autojump_clock: MockClock, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = GatedStore()
    kept = await store.open_account("a", platform="fake")
    inbox = Inbox(Fake(server=server, workers=1), kept, virtual_environment(), Counters(), durable=False)
    await inbox.open()
    async with trio.open_nursery() as keeping:
        keeping.start_soon(inbox.run)
        async with trio.open_nursery() as working:
            offer = Handout.offer

            def offer_too_late(hands: Handout, held: Held) -> None:
                working.cancel_scope.cancel()
                inbox.stop_handing_out()
                offer(hands, held)

            monkeypatch.setattr(Handout, "offer", offer_too_late)
            working.start_soon(inbox.next, "crew")
            await wait_all_tasks_blocked()
            inbox.rescue([Delivery("m1", "talk", "t", "{}")])
        with trio.move_on_after(0.5) as patience:
            await inbox.wait_idle()
        inbox.close()
    assert not patience.cancelled_caught
    [released] = [done for work in store.gate.rounds for done in work.finish]
    assert (released.result, released.unstarted) == ("release", True)
    assert inbox.depth == 1

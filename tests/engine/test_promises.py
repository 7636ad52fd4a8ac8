"""What is promised to whoever hands us a message: stored, acknowledged, recognised. Tests carry the promises' names."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import OpenFake, virtual_environment
from tests.engine.fake import Fake, FakeServer
from tests.engine.gated import GatedStore
from trio_bridge.engine.store import Work
from trio_bridge.messages import Message
from trio_bridge.opening import open_account
from trio_bridge.stores.memory import MemoryStore


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

"""Who shares a commit with whom, and what becomes of callers that leave."""

from functools import partial

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_bridge.engine.store import Completion, Work
from trio_bridge.errors import StoreUnavailable
from trio_bridge.stores._sqlite_writer import ROUND_ROWS
from trio_bridge.stores.sqlite import SqliteStore, open_sqlite
from trio_bridge.testing._store_check import (
    DUPLICATE,
    STORED,
    accept,
    accept_one,
    claim,
    delivery,
    finish,
    reply,
    waiting,
)


class Gate:
    """An executor that holds up whoever comes while it is shut."""

    def __init__(self):
        self.passage = trio.Event()
        self.passage.set()

    def shut(self):
        self.passage = trio.Event()

    def open(self):
        self.passage.set()

    async def __call__(self, function):
        self.protected = trio.lowlevel.currently_ki_protected()
        with trio.move_on_after(10):  # A test that failed while it was shut ends all the same.
            await self.passage.wait()
        return function()


@pytest.fixture
async def gate():
    return Gate()


@pytest.fixture
async def store(path, disk, gate):
    store = SqliteStore(path, executor=gate)
    await store.open()
    yield store
    gate.open()
    await store.aclose()


@pytest.fixture
async def account(store):
    return await store.open_account("a", platform="x")


async def verdicts(account, *keys):
    return [one.verdict for one in await accept(account, *map(delivery, keys))]


async def test_calls_of_all_accounts_share_a_commit(store, gate, disk):
    accounts = [await store.open_account(f"a{n}", platform="x") for n in range(5)]
    before = disk.commits
    gate.shut()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(accept_one, accounts[0], "first")
        await wait_all_tasks_blocked()
        for account in accounts:
            for n in range(4):
                nursery.start_soon(accept_one, account, f"k{n}")
            nursery.start_soon(account.save, "s", {"k": 1})
        await wait_all_tasks_blocked()
        gate.open()
    assert disk.commits == before + 2


async def test_what_changes_nothing_is_not_committed(account, disk):
    await accept_one(account, "a")
    before = disk.commits
    assert await verdicts(account, "a") == [DUPLICATE]
    await account.load("s")
    await account.outgoing(["pending"])
    await account.work(Work(1.0, claim=[99], finish=[Completion(1, 99, "done")]))
    assert disk.commits == before


async def test_a_round_is_bounded(account, gate, disk):
    rows = ROUND_ROWS // 2
    before = disk.commits
    gate.shut()
    async with trio.open_nursery() as nursery:
        for call in range(6):
            many = [delivery(f"{call} {n}") for n in range(rows)]
            nursery.start_soon(accept, account, *many)
            await wait_all_tasks_blocked()
        gate.open()
    assert disk.commits == before + 4, "the first alone, then two, two, and one"


async def test_calls_are_carried_out_in_the_order_in_which_they_came(account, gate):
    gate.shut()
    async with trio.open_nursery() as nursery:
        for n in range(20):
            rows = [reply("k" if n % 2 else f"k{n}", f"text {n}")]
            nursery.start_soon(partial(account.enqueue, rows, now=1.0))
            await wait_all_tasks_blocked()
        gate.open()
    rows = await account.outgoing(["pending"])
    assert [row.key for row in rows] == ["k0", "k", *(f"k{n}" for n in range(2, 20, 2))]
    assert rows[1].text == "text 1"


async def test_a_caller_that_leaves_before_its_round_changes_nothing(account, gate):
    gate.shut()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(accept_one, account, "in flight")
        await wait_all_tasks_blocked()
        async with trio.open_nursery() as leaving:
            leaving.start_soon(accept_one, account, "left")
            nursery.start_soon(accept_one, account, "stayed")
            await wait_all_tasks_blocked()
            leaving.cancel_scope.cancel()
        gate.open()
    assert await verdicts(account, "in flight", "left", "stayed") == [DUPLICATE, STORED, DUPLICATE]


async def test_a_caller_that_leaves_during_its_round_is_served_wholly(account, gate):
    held = await claim(account, await accept_one(account, "held"))
    gate.shut()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(accept_one, account, "first")
        await wait_all_tasks_blocked()
        nursery.start_soon(accept_one, account, "leads")
        await wait_all_tasks_blocked()
        async with trio.open_nursery() as leaving:
            leaving.start_soon(partial(finish, account, held, "done", outgoing=(reply("k"),)))
            await wait_all_tasks_blocked()
            first, gate.passage = gate.passage, trio.Event()
            first.set()  # The first round is through: the second, with the caller that leaves, waits for its commit.
            await wait_all_tasks_blocked()
            leaving.cancel_scope.cancel()
        gate.open()
    assert await account.outgoing_row("k") is not None
    assert not await finish(account, held, "done")


async def test_a_leader_that_leaves_lets_nobody_down(account, gate, disk):
    async def lead():
        with leaving:
            await accept_one(account, "leader")

    leaving = trio.CancelScope()
    before = disk.commits
    gate.shut()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lead)
        await wait_all_tasks_blocked()
        for n in range(3):
            nursery.start_soon(accept_one, account, f"k{n}")
        await wait_all_tasks_blocked()
        leaving.cancel()
        await wait_all_tasks_blocked()
        gate.open()
    assert disk.commits == before + 2
    assert await verdicts(account, "leader", "k0", "k1", "k2") == [DUPLICATE] * 4


async def test_ctrl_c_does_not_tear_a_round(account, gate):
    assert not trio.lowlevel.currently_ki_protected()
    await accept_one(account, "a")
    assert gate.protected


async def test_closing_waits_for_what_is_under_way(path, gate, disk):
    store = SqliteStore(path, executor=gate)
    await store.open()
    account = await store.open_account("a", platform="x")
    events = []

    async def store_one(n):
        await accept_one(account, f"k{n}")
        events.append("stored")

    async def close():
        await store.aclose()
        events.append("closed")

    gate.shut()
    async with trio.open_nursery() as nursery:
        for n in range(3):
            nursery.start_soon(store_one, n)
        await wait_all_tasks_blocked()
        nursery.start_soon(close)
        await wait_all_tasks_blocked()
        with pytest.raises(StoreUnavailable, match="is closed"):
            await accept_one(account, "too late")
        gate.open()
    assert events == ["stored", "stored", "stored", "closed"]
    assert disk.connections == []
    async with open_sqlite(path) as anew:
        assert len(await waiting(await anew.open_account("a", platform="x"))) == 3

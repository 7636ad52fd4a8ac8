"""What goes wrong under an open store: locks, a full disk, a disk that fails, a call that can't be carried out."""

import sqlite3

import pytest
import trio
from trio.testing import assert_checkpoints

from tests.stores.disk import disk_error
from trio_bridge.engine.store import Completion, Work
from trio_bridge.errors import StoreUnavailable
from trio_bridge.stores._sqlite_database import PATIENCE, REOPEN_PAUSE
from trio_bridge.stores.sqlite import inline, open_sqlite
from trio_bridge.testing._store_check import (
    DUPLICATE,
    ROOM,
    STORED,
    accept,
    accept_one,
    claim,
    delivery,
    finish,
    reply,
    waiting,
)

LARGE = "x" * 100_000


@pytest.fixture
async def store(path, disk):
    async with open_sqlite(path, executor=inline) as store:
        yield store


@pytest.fixture
async def account(store):
    return await store.open_account("a", platform="x")


@pytest.fixture
def other_program(path, store):
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    yield connection
    connection.close()


async def verdict(account, key, data="{}"):
    [accepted] = await accept(account, delivery(key, data=data))
    return accepted.verdict


# Locked by another program


async def test_a_lock_is_waited_for_with_a_bound(account, other_program, autojump_clock):
    other_program.execute("BEGIN EXCLUSIVE")
    start = trio.current_time()
    with pytest.raises(StoreUnavailable, match=r"bridge\.db is locked by another program") as caught:
        await accept_one(account, "a")
    assert PATIENCE <= trio.current_time() - start <= PATIENCE + 0.1
    assert "\n" not in str(caught.value)
    other_program.execute("ROLLBACK")
    assert await verdict(account, "a") is STORED


async def test_a_lock_that_is_let_go_in_time_delays(account, other_program, autojump_clock):
    async def let_go():
        await trio.sleep(1)
        other_program.execute("ROLLBACK")

    other_program.execute("BEGIN EXCLUSIVE")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(let_go)
        await accept_one(account, "a")
        assert 1 <= trio.current_time() <= 1.1


async def test_everybody_who_waits_for_a_lock_is_told(account, other_program, autojump_clock):
    async def refused(key, delay):
        await trio.sleep(delay)
        with pytest.raises(StoreUnavailable):
            await accept_one(account, key)
        assert trio.current_time() <= PATIENCE + 0.1

    other_program.execute("BEGIN EXCLUSIVE")
    async with trio.open_nursery() as nursery:
        for n in range(5):
            nursery.start_soon(refused, f"k{n}", n * 0.3)
    other_program.execute("ROLLBACK")
    assert [await verdict(account, f"k{n}") for n in range(5)] == [STORED] * 5


async def test_a_reader_holds_up_nobody(account, other_program, autojump_clock):
    other_program.execute("BEGIN")
    other_program.execute("SELECT * FROM seen").fetchall()
    await accept_one(account, "a")
    assert trio.current_time() == 0


async def test_a_lock_at_opening_is_waited_for(path, autojump_clock):
    other_program = sqlite3.connect(path, isolation_level=None)
    other_program.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreUnavailable, match="is locked by another program"):
        async with open_sqlite(path, executor=inline):
            pass
    assert PATIENCE <= trio.current_time() <= PATIENCE + 0.1
    other_program.close()


# No room


async def test_a_full_disk_heals_by_itself(account, disk):
    held = await claim(account, await accept_one(account, "handled"))
    disk.limit()
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="its disk is full: make room"):
            await accept(account, delivery("a", data=LARGE))
    disk.relax()
    assert await verdict(account, "a", LARGE) is STORED
    assert await finish(account, held, "done")
    assert disk.opened == 1, "the connection is still good"


async def test_why_nothing_is_kept_is_logged_at_first_and_then_once_a_minute(account, disk, autojump_clock, caplog):
    disk.limit()
    for _ in range(100):
        with pytest.raises(StoreUnavailable):
            await accept(account, delivery("a", data=LARGE))
        await trio.sleep(1)
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "its disk is full: make room" in caplog.records[0].cause
    disk.before_commit = disk_error("SQLITE_IOERR_WRITE")
    with pytest.raises(StoreUnavailable):
        await accept_one(account, "b")
    assert "check the disk" in caplog.records[2].cause


async def test_on_a_full_disk_what_fits_is_carried_out(account, disk):
    held = await claim(account, await accept_one(account, "handled"))
    disk.limit()

    async def refused():
        with pytest.raises(StoreUnavailable):
            await accept(account, delivery("a", data=LARGE))

    async def finished():
        assert await finish(account, held, "done")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(account.load, "s")  # Leads a round of its own, so that the others share the next.
        nursery.start_soon(refused)
        nursery.start_soon(finished)
        nursery.start_soon(refused)


# A call that can't be carried out


async def test_a_bad_call_fails_alone(account, disk):
    held = [await claim(account, await accept_one(account, f"held {n}")) for n in range(2)]
    bad = Completion(held[0].seq, held[0].fence, "done", state={"s": {"k": object()}})
    answers = []

    async def good(n):
        answers.append(await accept_one(account, f"good {n}"))

    async def failing():
        with pytest.raises(TypeError, match="not JSON serializable"):
            await account.work(Work(1.0, accept=[delivery("bad")], room=ROOM, room_bytes=ROOM, finish=[bad]))

    async with trio.open_nursery() as nursery:
        for n in range(10):
            nursery.start_soon(good, n)
            nursery.start_soon(failing)
    assert len(answers) == len(set(answers)) == 10
    assert await waiting(account) == sorted([one.seq for one in held] + answers)
    assert await verdict(account, "bad") is STORED


# A disk that fails


async def test_a_failed_sync_is_no_commit(account, disk):
    held = await claim(account, await accept_one(account, "held"))
    seq = await accept_one(account, "waits")
    [old] = disk.connections
    disk.before_commit = disk_error("SQLITE_IOERR_FSYNC")
    done = Completion(held.seq, held.fence, "done", outgoing=(reply("k"),))
    work = Work(1.0, accept=[delivery("new")], room=ROOM, room_bytes=ROOM, finish=[done], claim=[seq])
    with pytest.raises(StoreUnavailable, match=r"disk failed under the store .* \(SQLITE_IOERR_FSYNC\)"):
        await account.work(work)
    disk.before_commit = None
    assert disk.connections != [old]
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        old.execute("SELECT 1")
    assert await verdict(account, "new") is STORED
    assert await account.outgoing_row("k") is None
    assert await finish(account, held, "done")
    assert (await claim(account, seq)).attempts == 1


async def test_a_commit_that_is_in_the_file_counts_whatever_was_said(account, disk):
    disk.after_commit = disk_error("SQLITE_IOERR_FSYNC")
    held = await claim(account, await accept_one(account, "a"))
    assert await finish(account, held, "done", outgoing=(reply("k"),))
    disk.after_commit = None
    assert disk.opened == 4, "each time on a new connection"
    assert await verdict(account, "a") is DUPLICATE
    assert await account.outgoing_row("k") is not None


async def test_a_commit_in_doubt_is_undone(account, disk, autojump_clock):
    held = await claim(account, await accept_one(account, "held"))
    seq = await accept_one(account, "waits")
    disk.after_commit = disk_error("SQLITE_IOERR_FSYNC")
    disk.at_open = disk_error("SQLITE_CANTOPEN")
    with pytest.raises(StoreUnavailable):
        await account.work(Work(1.0, accept=[delivery("new")], room=ROOM, room_bytes=ROOM, claim=[seq]))
    disk.after_commit = disk.at_open = None
    await trio.sleep(REOPEN_PAUSE)
    again = await claim(account, seq)
    assert (again.attempts, again.deaths) == (1, 0), "nobody knew of the claim that was committed"
    assert await verdict(account, "new") is STORED, "nobody was told that it was stored"
    assert await finish(account, held, "done")
    assert await finish(account, again, "done")


async def test_a_commit_that_was_in_doubt_once_is_not_undone_later(account, disk):
    disk.after_commit = disk_error("SQLITE_IOERR_FSYNC")
    seq = await accept_one(account, "a")
    disk.after_commit = None
    disk.at_begin = disk_error("SQLITE_IOERR_READ")
    with pytest.raises(StoreUnavailable):
        await accept_one(account, "b")
    disk.at_begin = None
    assert await verdict(account, "a") is DUPLICATE
    assert await waiting(account) == [seq]


async def test_no_number_is_given_twice_though_the_connection_was_replaced(account, disk):
    seq = await accept_one(account, "a")
    assert await finish(account, await claim(account, seq), "done")
    assert await account.trim(before=100.0) == 1
    disk.at_begin = disk_error("SQLITE_IOERR_READ")
    with pytest.raises(StoreUnavailable):
        await accept_one(account, "b")
    disk.at_begin = None
    assert await accept_one(account, "b") > seq


async def test_a_file_that_can_not_be_synced_proves_nothing(account, disk, autojump_clock):
    disk.after_commit = disk_error("SQLITE_IOERR_FSYNC")
    disk.at_checkpoint = disk_error("SQLITE_IOERR_FSYNC")
    with pytest.raises(StoreUnavailable):
        await accept_one(account, "a")
    disk.after_commit = disk.at_checkpoint = None
    await trio.sleep(REOPEN_PAUSE)
    assert await verdict(account, "a") is STORED


@pytest.mark.parametrize(
    "name", ["SQLITE_IOERR_READ", "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_READONLY_DBMOVED", "SQLITE_CANTOPEN"]
)
async def test_a_connection_that_is_broken_is_replaced(account, disk, name):
    [old] = disk.connections
    disk.at_begin = disk_error(name)
    with pytest.raises(StoreUnavailable, match=r"bridge\.db"):
        await accept_one(account, "a")
    disk.at_begin = None
    assert await verdict(account, "a") is STORED
    [new] = disk.connections
    assert new is not old


async def test_a_disk_that_stays_away_is_asked_now_and_then(account, disk, autojump_clock):
    disk.before_commit = disk_error("SQLITE_IOERR_WRITE")
    disk.at_open = disk_error("SQLITE_IOERR_READ")
    with pytest.raises(StoreUnavailable):
        await accept_one(account, "a")
    disk.before_commit = None
    for _ in range(30):
        with pytest.raises(StoreUnavailable, match=r"disk failed .* \(SQLITE_IOERR_READ\)"), assert_checkpoints():
            await accept_one(account, "a")
        await trio.sleep(0.1)
    assert disk.refused <= 1 + 3 / REOPEN_PAUSE
    disk.at_open = None
    await trio.sleep(REOPEN_PAUSE)
    assert await verdict(account, "a") is STORED
    assert disk.opened == 2


async def test_everybody_in_a_round_hears_of_a_failed_disk(account, disk):
    failed = []

    async def refused(n):
        try:
            await accept_one(account, f"k{n}")
        except StoreUnavailable as error:
            failed.append(error)

    disk.before_commit = disk_error("SQLITE_IOERR_FSYNC")
    async with trio.open_nursery() as nursery:
        for n in range(10):
            nursery.start_soon(refused, n)
    disk.before_commit = None
    assert len({id(error) for error in failed}) == 10, "an exception each"
    assert [await verdict(account, f"k{n}") for n in range(10)] == [STORED] * 10


async def test_a_file_that_was_taken_away_is_not_made_anew(path, account, disk, autojump_clock):
    disk.before_commit = disk_error("SQLITE_IOERR_FSYNC")
    path.unlink()
    with pytest.raises(StoreUnavailable, match="can't be opened"):
        await accept_one(account, "a")
    disk.before_commit = None
    await trio.sleep(REOPEN_PAUSE)
    with pytest.raises(StoreUnavailable, match="can't be opened"):
        await accept_one(account, "a")
    assert not path.exists()

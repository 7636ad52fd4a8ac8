"""The file: private, held by one store at a time, and refused where it can't be ours."""

import errno
import math
import os
import sqlite3
import subprocess
import sys
from functools import partial

import pytest
import trio

from trio_bridge.errors import StoreUnavailable
from trio_bridge.stores import _sqlite_schema
from trio_bridge.stores.sqlite import inline, open_sqlite
from trio_bridge.testing._store_check import DUPLICATE, accept, accept_one, buried, claim, delivery, handled, reply

HOLDER = """
import os, sys, trio
from trio_bridge.stores.sqlite import open_sqlite

async def main():
    async with open_sqlite(sys.argv[1]):
        os.write(1, b"held\\n")
        await trio.to_thread.run_sync(sys.stdin.read)

trio.run(main)
"""


@pytest.fixture
def umask():
    old = os.umask(0)
    yield os.umask
    os.umask(old)


def mode(path):
    return path.stat().st_mode & 0o777


async def refusal(path):
    with pytest.raises(StoreUnavailable) as caught:
        async with open_sqlite(path, executor=inline):
            raise AssertionError("it was opened")
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("mask", [0, 0o777])
async def test_files_are_private_whatever_the_umask(tmp_path, umask, mask):
    umask(mask)
    path = tmp_path / "state" / "bridge.db"
    async with open_sqlite(path) as store:
        await store.open_account("a", platform="x")
        assert mode(path.parent) == 0o700
        files = {entry.name: mode(entry) for entry in path.parent.iterdir()}
    assert files == dict.fromkeys(["bridge.db", "bridge.db-wal", "bridge.db-shm", "bridge.db.lock"], 0o600)


async def test_a_file_that_others_may_read_is_closed_to_them(path, umask):
    path.touch(0o644)
    async with open_sqlite(path):
        assert mode(path) == 0o600


async def test_closing_leaves_one_whole_file(path):
    async with open_sqlite(path) as store:
        await accept_one(await store.open_account("a", platform="x"), "k")
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["bridge.db", "bridge.db.lock"]
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT key FROM seen").fetchall() == [("k",)]
    connection.close()


async def test_a_commit_outlives_a_loss_of_power(path, disk):
    async with open_sqlite(path):
        [connection] = disk.connections
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,), "full"


async def test_a_new_file_outlives_a_loss_of_power(path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    async with open_sqlite(path):
        assert synced == [path.parent.stat().st_ino], "its name, too"


async def test_closing_empties_the_log_while_others_have_the_file_open(path):
    async with open_sqlite(path) as store:
        await accept_one(await store.open_account("a", platform="x"), "k")
        other_program = sqlite3.connect(path)
        other_program.execute("SELECT * FROM seen").fetchall()
    assert path.with_name("bridge.db-wal").stat().st_size == 0
    other_program.close()


def rows_in(path):
    connection = sqlite3.connect(path)
    tables = ("accounts", "seen", "inbox", "outbox", "state")
    rows = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables}
    connection.close()
    return rows


async def test_what_is_done_keeps_no_payload(path):
    async with open_sqlite(path) as store:
        account = await store.open_account("a", platform="x")
        await handled(account, "k")
        await buried(account, "l")
        await account.purge("inbox", "l")
        assert rows_in(path) == {"accounts": 1, "seen": 2, "inbox": 0, "outbox": 0, "state": 0}


async def test_a_forgotten_account_leaves_nothing(path):
    async with open_sqlite(path) as store:
        account = await store.open_account("a", platform="x")
        await accept(account, *(delivery(str(n)) for n in range(2500)))
        await account.enqueue([reply(str(n)) for n in range(1500)], now=1.0)
        await account.save("s", {str(n): n for n in range(1500)})
        await store.forget_account("a")
        assert rows_in(path) == dict.fromkeys(["accounts", "seen", "inbox", "outbox", "state"], 0)


async def test_what_was_left_of_a_forgotten_account_goes_at_the_next_opening(path, disk):
    async with open_sqlite(path, executor=inline) as store:
        await accept(await store.open_account("a", platform="x"), *(delivery(str(n)) for n in range(2500)))
        disk.commits_allowed = 2
        await store.forget_account("a")
        assert await store.accounts() == []
        disk.commits_allowed = math.inf
    assert rows_in(path)["seen"] == 1500
    async with open_sqlite(path):
        assert rows_in(path) == dict.fromkeys(["accounts", "seen", "inbox", "outbox", "state"], 0)


async def test_closing_does_not_wait_for_a_reader(path):
    async with open_sqlite(path) as store:
        await accept_one(await store.open_account("a", platform="x"), "k")
        reader = sqlite3.connect(path)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM seen").fetchall()
        await accept_one(await store.open_account("a", platform="x"), "l")
    reader.close()
    async with open_sqlite(path) as store:
        found = await accept(await store.open_account("a", platform="x"), delivery("k"), delivery("l"))
        assert [one.verdict for one in found] == [DUPLICATE] * 2


async def test_a_second_store_in_this_process_is_refused(path):
    path.with_name("bridge.db.lock").write_text("9" * 15)
    async with open_sqlite(path, executor=inline) as store:
        descriptors = len(os.listdir("/dev/fd"))
        for _ in range(3):
            assert f"is in use by process {os.getpid()}: stop that one first" in await refusal(path)
        assert len(os.listdir("/dev/fd")) == descriptors
        await store.accounts()
    async with open_sqlite(path):
        pass


async def test_a_store_in_another_process_is_named_until_it_dies(path):
    command = [sys.executable, "-c", HOLDER, str(path)]
    start = partial(trio.run_process, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, check=False)
    async with trio.open_nursery() as nursery:
        holder = await nursery.start(start)
        async with holder.stdin, holder.stdout:
            assert await holder.stdout.receive_some() == b"held\n"
            assert f"is in use by process {holder.pid}" in await refusal(path)
            holder.kill()
            await holder.wait()
        async with open_sqlite(path):
            pass


async def test_a_store_that_could_not_be_opened_holds_nothing(path):
    path.write_bytes(b"hello" * 1000)
    await refusal(path)
    path.unlink()
    async with open_sqlite(path):
        pass


async def test_a_directory_is_refused(tmp_path):
    assert "is a directory: name a file in it" in await refusal(tmp_path)
    assert list(tmp_path.iterdir()) == []


async def test_only_one_directory_is_created(tmp_path):
    path = tmp_path / "typo" / "state" / "bridge.db"
    assert "create the directory first" in await refusal(path)
    assert list(tmp_path.iterdir()) == []


async def test_a_file_is_no_directory(path):
    path.touch()
    assert "name a file in a directory" in await refusal(path / "bridge.db")


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, "let this user write there"),
        (errno.EPERM, "let this user own it"),
        (errno.EROFS, "name a file on a file system that can be written"),
        (errno.ENOSPC, "make room on the disk"),
        (errno.EIO, "check the disk"),
    ],
)
async def test_what_the_system_refuses_is_explained(path, monkeypatch, number, remedy):
    def refuse(*args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refuse)
    message = await refusal(path)
    assert remedy in message
    assert os.strerror(number).lower() in message


async def unchanged(path, content):
    path.write_bytes(content)
    message = await refusal(path)
    assert path.read_bytes() == content
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["bridge.db", "bridge.db.lock"]
    return message


async def test_a_file_that_is_no_database_is_refused(path):
    assert "is not a database: name another file" in await unchanged(path, b"[store]\nurl = 'x'\n" * 500)


async def test_the_database_of_another_program_is_refused(path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()
    assert "a database of another program" in await unchanged(path, path.read_bytes())


async def test_a_newer_schema_is_refused(path):
    async with open_sqlite(path):
        pass
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 7")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    message = await unchanged(path, path.read_bytes())
    assert "schema 7" in message
    assert "update it" in message


async def filled(path, count=100):
    """A file with deliveries of which each fills a page or more; returns their numbers."""
    async with open_sqlite(path, executor=inline) as store:
        account = await store.open_account("a", platform="x")
        many = [delivery(f"k{n}", data=f"payload {n:05} " * 200) for n in range(count)]
        return [one.seq for one in await accept(account, *many)]


def damage(path, text, scribble=b"\xff" * 8, at=0):
    """Overwrite the head of the page that has this text."""
    content = bytearray(path.read_bytes())
    start = content.index(text.encode()) // 4096 * 4096 + at
    content[start : start + len(scribble)] = scribble
    path.write_bytes(content)


@pytest.mark.parametrize(("scribble", "at"), [(b"\xff" * 8, 0), (b"\x09", 7)], ids=["unreadable", "implausible"])
async def test_a_damaged_file_is_refused(path, scribble, at):
    await filled(path)
    damage(path, "payload 00050", scribble, at)
    message = await unchanged(path, path.read_bytes())
    assert "is damaged" in message
    assert "restore a copy, or move it away" in message


async def test_a_file_that_was_cut_off_is_refused(path):
    await filled(path)
    assert "is damaged" in await unchanged(path, path.read_bytes()[: 10 * 4096])


async def test_damage_in_a_large_file_costs_only_what_it_hit(path, monkeypatch):
    monkeypatch.setattr(_sqlite_schema, "_CHECKED_WHOLE", 0)
    seqs = await filled(path)
    damage(path, "payload 00050")
    async with open_sqlite(path, executor=inline) as store:
        account = await store.open_account("a", platform="x")
        with pytest.raises(StoreUnavailable, match="is damaged"):
            await claim(account, seqs[50])
        assert (await claim(account, seqs[70])).delivery.data.startswith("payload 00070")


async def test_an_old_sqlite_is_refused(path, monkeypatch):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    assert "version 3.37 is needed" in await refusal(path)


async def test_a_file_system_without_shared_memory_is_refused(path, monkeypatch):
    class Connection(sqlite3.Connection):
        def execute(self, sql, *parameters):
            return super().execute("SELECT 'delete'" if "journal_mode" in sql else sql, *parameters)

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: connect(*args, factory=Connection, **kwargs))
    assert "use a local disk" in await refusal(path)

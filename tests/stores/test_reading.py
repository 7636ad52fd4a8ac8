"""A store, read beside the bridge that uses it, after one that was killed, and where none ever was."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path

import pytest
import trio

from trio_bridge.engine.store import OutgoingChange
from trio_bridge.errors import StoreUnavailable
from trio_bridge.stores.reading import StoreReader, read_sqlite
from trio_bridge.stores.sqlite import SqliteStore, inline, open_sqlite
from trio_bridge.testing._store_check import accept_one, buried, reply

BRIDGE = """
import itertools, os, sys, trio
from trio_bridge.stores.sqlite import open_sqlite
from trio_bridge.testing._store_check import reply

async def main():
    async with open_sqlite(sys.argv[1]) as store:
        account = await store.open_account("sales", platform="x")
        for n in itertools.count():
            await account.enqueue([reply(f"k{n}")], now=1.0)
            os.write(1, b"kept\\n")
            if await trio.to_thread.run_sync(sys.stdin.readline) != "more\\n":
                break

trio.run(main)
"""
NOBODY = 65534


class Bridge:
    """Another process, which holds the file and has a reply more at each word."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process

    async def keeps(self) -> None:
        assert self.process.stdout is not None
        assert await self.process.stdout.receive_some() == b"kept\n"

    async def say(self, word: bytes) -> None:
        assert self.process.stdin is not None
        await self.process.stdin.send_all(word)


@asynccontextmanager
async def bridge_on(path: Path) -> AsyncIterator[Bridge]:
    """It has kept one reply."""
    command = [sys.executable, "-c", BRIDGE, str(path)]
    run = partial(trio.run_process, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, check=False)
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            bridge = Bridge(await nursery.start(run))
            await bridge.keeps()
            try:
                yield bridge
            finally:
                bridge.process.kill()


def keys(path: Path) -> list[str]:
    return [row.reply.key for row in read_sqlite(path, StoreReader.unsent)]


def files(folder: Path) -> dict[str, bytes | None]:
    """What lies there. The shared memory of SQLite is its own affair: only whether it is there counts."""
    return {entry.name: None if entry.name.endswith("-shm") else entry.read_bytes() for entry in folder.iterdir()}


@asynccontextmanager
async def filled(path: Path) -> AsyncIterator[SqliteStore]:
    """A store of two accounts with something in every state. Closed at the end of the block."""
    async with open_sqlite(path, executor=inline) as store:
        sales = await store.open_account("sales", platform="x")
        await sales.enqueue([reply("open", state="open"), reply("pending"), reply("late", lane="b")], now=5.0)
        await sales.enqueue([reply(key) for key in ("sending", "sent", "unknown", "dead", "purged")], now=6.0)
        await sales.change([OutgoingChange(key, state=key) for key in ("sending", "sent", "unknown", "dead")])  # type: ignore[arg-type]
        await sales.change([OutgoingChange("late", not_before=99.0, attempts=3, error="no answer")])
        await sales.change([OutgoingChange("purged", state="dead")])
        await sales.purge("outbox", "purged")
        await accept_one(sales, "waiting")
        await buried(sales, "m1", now=7.0)
        support = await store.open_account("support", platform="x")
        await support.enqueue([reply("pending")], now=1.0)
        await buried(support, "m1", now=3.0)
        await buried(await store.open_account("gone", platform="x"), "m1")
        await store.forget_account("gone")
        yield store


async def test_what_is_not_sent_and_what_was_given_up(path: Path) -> None:
    async with filled(path):
        pass
    assert list(read_sqlite(path, StoreReader.accounts)) == ["sales", "support"]
    unsent = read_sqlite(path, StoreReader.unsent)
    assert [(row.account, row.reply.key, row.reply.state) for row in unsent] == [
        ("sales", "open", "open"),
        ("sales", "pending", "pending"),
        ("sales", "late", "pending"),
        ("sales", "sending", "sending"),
        ("sales", "unknown", "unknown"),
        ("support", "pending", "pending"),
    ]
    late = unsent[2].reply
    assert (late.lane, late.created_at, late.not_before, late.attempts, late.error) == ("b", 5.0, 99.0, 3, "no answer")
    letters = read_sqlite(path, StoreReader.dead_letters)
    assert [(letter.account, letter.box, letter.key, letter.at) for letter in letters] == [
        ("support", "inbox", "m1", 3.0),
        ("sales", "outbox", "dead", 6.0),
        ("sales", "inbox", "m1", 7.0),
    ]


async def test_an_account_that_is_being_forgotten_is_not_there(path: Path) -> None:
    async with filled(path):
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE accounts SET name = NULL WHERE name = 'sales'")
    assert list(read_sqlite(path, StoreReader.accounts)) == ["support"]


async def test_a_running_bridge_is_read_and_does_not_notice(path: Path) -> None:
    async with bridge_on(path) as bridge:
        before = files(path.parent)
        assert keys(path) == ["k0"]
        assert files(path.parent) == before
        await bridge.say(b"more\n")
        await bridge.keeps()
        assert keys(path) == ["k0", "k1"]
        await bridge.say(b"end\n")
        assert await bridge.process.wait() == 0
    assert sorted(files(path.parent)) == ["bridge.db", "bridge.db.lock"]


async def test_a_bridge_commits_and_ends_while_it_is_read(path: Path) -> None:
    async with bridge_on(path) as bridge:

        async def write_and_end() -> None:
            await bridge.say(b"more\n")
            await bridge.keeps()
            await bridge.say(b"end\n")
            assert await bridge.process.wait() == 0

        def read(reader: StoreReader) -> list[int]:
            seen = [len(reader.unsent())]
            trio.from_thread.run(write_and_end)
            return [*seen, len(reader.unsent())]

        assert await trio.to_thread.run_sync(read_sqlite, path, read) == [1, 1], "one moment"
    assert keys(path) == ["k0", "k1"]


async def test_what_a_killed_bridge_left_is_read_and_left_to_the_next(path: Path) -> None:
    async with bridge_on(path) as bridge:
        bridge.process.kill()
        await bridge.process.wait()
    before = files(path.parent)
    assert {"bridge.db-wal", "bridge.db-shm"} <= set(before)
    assert keys(path) == ["k0"]
    assert files(path.parent) == before
    async with open_sqlite(path, executor=inline) as store:
        assert await (await store.open_account("sales", platform="x")).outgoing_row("k0") is not None


async def test_a_file_at_rest_gets_no_company(path: Path) -> None:
    async with filled(path):
        pass
    before = files(path.parent)
    assert sorted(before) == ["bridge.db", "bridge.db.lock"]
    assert keys(path)
    assert files(path.parent) == before


async def test_a_file_that_is_used_meanwhile_is_read_once_more(path: Path) -> None:
    async with filled(path):
        pass
    calls = 0

    def read(reader: StoreReader) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            trio.from_thread.run(write)
        return len(reader.unsent())

    async def write() -> None:
        async with open_sqlite(path, executor=inline) as store:
            await (await store.open_account("sales", platform="x")).enqueue([reply("new")], now=9.0)

    assert await trio.to_thread.run_sync(read_sqlite, path, read) == 7
    assert calls == 2


@pytest.fixture
def locked_folder() -> Iterator[Callable[..., Path]]:
    """Copy a folder to where this process can change nothing. Root gives up its rights for it."""
    folder = Path(tempfile.mkdtemp())

    def lock(source: Path, mode: int = 0o555) -> Path:
        shutil.copytree(source, folder / "store")
        for entry in (folder / "store").iterdir():
            entry.chmod(0o444)
        (folder / "store").chmod(mode)
        folder.chmod(0o755)
        if os.geteuid() == 0:
            os.seteuid(NOBODY)
        return folder / "store"

    yield lock
    if os.getuid() == 0:
        os.seteuid(0)
    (folder / "store").chmod(0o755)
    shutil.rmtree(folder)


async def test_a_folder_that_cannot_be_written_can_be_read(path: Path, locked_folder: Callable[..., Path]) -> None:
    async with filled(path):
        pass
    there = locked_folder(path.parent)
    with pytest.raises(PermissionError):
        (there / "new").touch()
    assert len(keys(there / path.name)) == 6


async def test_what_a_killed_bridge_left_can_be_read_there_too(path: Path, locked_folder: Callable[..., Path]) -> None:
    async with bridge_on(path) as bridge:
        bridge.process.kill()
        await bridge.process.wait()
    assert keys(locked_folder(path.parent) / path.name) == ["k0"]


def refusal(path: Path) -> str:
    with pytest.raises(StoreUnavailable) as caught:
        read_sqlite(path, StoreReader.accounts)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_where_no_store_is_none_is_made(path: Path) -> None:
    assert "there is no store" in refusal(path)
    assert "there is no store" in refusal(path / "file")
    assert files(path.parent) == {}


def test_a_file_without_tables_gets_none(path: Path) -> None:
    path.touch()
    assert "is an empty file" in refusal(path)
    assert files(path.parent) == {path.name: b""}


def test_a_folder_is_no_store(path: Path) -> None:
    path.mkdir()
    assert "is a directory" in refusal(path)


def test_what_is_no_database_is_said_to_be_none(path: Path) -> None:
    path.write_bytes(b"not SQLite" * 100)
    assert "is not a database" in refusal(path)


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("PRAGMA application_id = 1", "a database of another program"),
        ("PRAGMA user_version = 99", "from a newer trio_bridge"),
    ],
)
async def test_a_foreign_or_newer_file_is_refused_and_left_alone(path: Path, statement: str, said: str) -> None:
    async with filled(path):
        pass
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement)
    before = files(path.parent)
    assert said in refusal(path)
    assert files(path.parent) == before


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: 3 * 4096])


async def test_a_file_that_was_cut_off_is_said_to_be_damaged(path: Path) -> None:
    async with filled(path):
        pass
    cut_off(path)
    with pytest.raises(StoreUnavailable, match="is damaged"):
        read_sqlite(path, StoreReader.dead_letters)


async def test_a_folder_that_may_not_be_entered_is_said_so(path: Path, locked_folder: Callable[..., Path]) -> None:
    async with filled(path):
        pass
    there = locked_folder(path.parent, mode=0)
    assert "let this user read there" in refusal(there / path.name)

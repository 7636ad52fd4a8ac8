"""Small state that is changed from outside, while a bridge holds the store and while none does."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from trio_bridge.errors import StoreUnavailable
from trio_bridge.stores import editing
from trio_bridge.stores.editing import StateEditor, edit_sqlite
from trio_bridge.stores.reading import read_sqlite
from trio_bridge.stores.sqlite import inline, open_sqlite
from trio_bridge.testing._store_check import accept_one


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bridge.db"


async def make(path: Path) -> None:
    async with open_sqlite(path, executor=inline) as store:
        sales = await store.open_account("sales", platform="dingtalk")
        await sales.save("s", {"kept": 1, "gone": 2})


def change(editor: StateEditor) -> str:
    editor.save("sales", "s", {"gone": None, "new": {"a": [1]}})
    return "done"


async def test_a_change_is_kept_while_nobody_holds_the_store(path: Path) -> None:
    await make(path)
    assert edit_sqlite(path, change) == "done"
    assert read_sqlite(path, lambda reader: reader.state("sales", "s")) == {"kept": 1, "new": {"a": [1]}}
    assert {entry.name for entry in path.parent.iterdir()} <= {"bridge.db", "bridge.db.lock"}


async def test_a_change_is_seen_by_the_store_that_is_open(path: Path) -> None:
    await make(path)
    async with open_sqlite(path, executor=inline) as store:
        sales = await store.open_account("sales", platform="dingtalk")
        assert await sales.load("s") == {"kept": 1, "gone": 2}
        edit_sqlite(path, change)
        assert await sales.load("s") == {"kept": 1, "new": {"a": [1]}}
        await sales.save("s", {"kept": 3})
    assert read_sqlite(path, lambda reader: reader.state("sales", "s")) == {"kept": 3, "new": {"a": [1]}}


async def test_the_store_goes_on_as_if_nothing_had_happened(path: Path) -> None:
    """The numbers of its rounds, by which it knows its own commits, are its own."""
    await make(path)
    async with open_sqlite(path, executor=inline) as store:
        sales = await store.open_account("sales", platform="dingtalk")
        for number in range(3):
            await accept_one(sales, f"m{number}")
            edit_sqlite(path, change)
    async with open_sqlite(path, executor=inline) as store:
        sales = await store.open_account("sales", platform="dingtalk")
        assert len((await sales.recover(now=1.0, max_deaths=2, max_attempts=5)).waiting) == 3


async def test_what_raises_changes_nothing(path: Path) -> None:
    await make(path)

    def fail(editor: StateEditor) -> None:
        change(editor)
        raise LookupError("no")

    with pytest.raises(LookupError):
        edit_sqlite(path, fail)
    assert read_sqlite(path, lambda reader: reader.state("sales", "s")) == {"kept": 1, "gone": 2}


def test_a_store_that_is_not_there_is_not_made(path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="there is no store"):
        edit_sqlite(path, change)
    assert list(path.parent.iterdir()) == []


def test_a_database_of_another_program_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE state (a)")
    with pytest.raises(StoreUnavailable, match="another program"):
        edit_sqlite(path, change)


async def test_a_store_that_is_busy_for_too_long_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await make(path)
    monkeypatch.setattr(editing, "PATIENCE", 0.01)
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="is locked by another program"):
            edit_sqlite(path, change)

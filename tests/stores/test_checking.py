"""What a store's URL leads to, and that looking changes nothing."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from trio_bridge.engine.findings import Finding
from trio_bridge.stores.checking import check_store
from trio_bridge.stores.sqlite import inline, open_sqlite


async def look(path: Path | str) -> Finding:
    """The finding about the file; nothing was made or changed."""
    path = Path(path)
    before = listing(path.parent)
    finding, *others = await check_store(f"sqlite:{path}")
    assert others == []
    assert listing(path.parent) == before
    return finding


def listing(directory: Path) -> dict[str, tuple[int, int]]:
    if not directory.is_dir():
        return {}
    return {entry.name: (entry.stat().st_size, entry.stat().st_mtime_ns) for entry in directory.iterdir()}


async def make_store(path: Path) -> Path:
    async with open_sqlite(path, executor=inline):
        pass
    return path


async def test_memory_needs_nothing() -> None:
    [finding] = await check_store("memory:")
    assert finding.verdict == "ok"


async def test_a_store_that_will_be_made(tmp_path: Path) -> None:
    for path in (tmp_path / "new.db", tmp_path / "folder" / "new.db"):
        finding = await look(path)
        assert (finding.verdict, finding.text) == ("ok", "does not exist yet; a bridge will make it")


async def test_a_store_that_is_there(tmp_path: Path) -> None:
    finding = await look(await make_store(tmp_path / "bridge.db"))
    assert (finding.verdict, finding.text) == ("ok", "is there, and sound")
    await make_store(tmp_path / "bridge.db")  # nobody holds it


async def test_an_empty_file_will_be_used(tmp_path: Path) -> None:
    (tmp_path / "bridge.db").touch()
    assert (await look(tmp_path / "bridge.db")).text == "an empty file; a bridge will use it"


async def test_a_store_in_use_is_no_failure_and_stays_in_use(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "bridge.db", executor=inline) as store:
        finding = await look(tmp_path / "bridge.db")
        await store.open_account("sales", platform="dingtalk")
    assert (finding.verdict, finding.text) == ("ok", f"in use by a running bridge (process {os.getpid()})")
    assert "in use" not in (await look(tmp_path / "bridge.db")).text


async def test_what_a_killed_bridge_left_is_not_touched(tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "bridge.db", executor=inline) as store:
        await store.open_account("sales", platform="dingtalk")
        for name in ("bridge.db", "bridge.db-wal"):
            shutil.copy(tmp_path / name, tmp_path / f"left-{name}")
    finding = await look(tmp_path / "left-bridge.db")
    assert (finding.verdict, finding.text) == (
        "ok",
        "was left in the middle of something; a bridge will go on from there",
    )


@pytest.mark.parametrize(
    ("change", "text", "advice"),
    [
        ("PRAGMA application_id = 7", "another program", "name another file"),
        ("PRAGMA user_version = 99", "from a newer trio_bridge", "update it"),
    ],
)
async def test_a_store_that_is_not_for_us(tmp_path: Path, change: str, text: str, advice: str) -> None:
    path = await make_store(tmp_path / "bridge.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(change)
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finding = await look(path)
    assert finding.verdict == "failed"
    assert text in finding.text
    assert advice in finding.advice


async def test_a_damaged_store(tmp_path: Path) -> None:
    path = await make_store(tmp_path / "bridge.db")
    content = bytearray(path.read_bytes())
    content[4096 * 2 : 4096 * 3] = b"\xaa" * 4096
    path.write_bytes(content)
    finding = await look(path)
    assert (finding.verdict, "damaged" in finding.text) == ("failed", True)
    assert "restore a copy" in finding.advice


async def test_no_database_at_all(tmp_path: Path) -> None:
    (tmp_path / "bridge.db").write_text("Dear diary, " * 100)
    finding = await look(tmp_path / "bridge.db")
    assert (finding.verdict, finding.advice) == ("failed", "name another file")


@pytest.mark.parametrize("name", ["", "missing/folder/bridge.db"])
async def test_a_place_where_no_store_can_be(tmp_path: Path, name: str) -> None:
    finding = await look(tmp_path / name)
    assert finding.verdict == "failed"
    assert finding.advice in ("name a file in it", "create the directory first")


@pytest.mark.parametrize("name", ["bridge.db", "new.db"])
async def test_a_place_where_this_user_may_not_write(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await make_store(tmp_path / "bridge.db")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    finding = await look(tmp_path / name)
    assert (finding.verdict, finding.advice) == ("failed", "let this user write there")


async def test_a_disk_that_is_nearly_full_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=2**20))
    findings = await check_store(f"sqlite:{tmp_path / 'bridge.db'}", executor=inline)
    assert [(finding.check, finding.verdict) for finding in findings] == [("store", "ok"), ("disk", "warning")]
    assert "1 MiB" in findings[1].text


async def test_a_disk_that_says_nothing_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(shutil, "disk_usage", fail)
    finding = await look(tmp_path / "bridge.db")
    assert (finding.verdict, finding.advice) == ("failed", "check the disk and the permissions")
    assert "input/output error" in finding.text

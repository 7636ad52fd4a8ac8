"""What a store's URL leads to, found out without opening the store: nothing is created, changed or held."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import trio

from ..engine.executors import Executor
from ..engine.findings import Finding
from ..errors import StoreUnavailable
from ._sqlite_connection import explain
from ._sqlite_schema import check, is_empty

ROOM: Final = 256 * 2**20
"""Bytes that should be free: after a burst the log of SQLite alone may take a quarter of that."""


async def check_store(url: str, *, executor: Executor | None = None) -> list[Finding]:
    """Whether a bridge could use the store, and whether one does so now.

    The executor runs what waits for the disk. By default that is a thread which is left alone when its time is up.
    """
    scheme, _, place = url.partition(":")
    if scheme != "sqlite":
        return [Finding("store", "ok", "in memory: nothing of it outlives the process")]

    def look() -> list[Finding]:
        return _look(Path(place).expanduser().absolute())

    return await (executor(look) if executor else trio.to_thread.run_sync(look, abandon_on_cancel=True))


def _look(path: Path) -> list[Finding]:
    try:
        return [_file(path), *_room(path)]
    except StoreUnavailable as error:
        text, _, advice = str(error).rpartition(": ")
    except OSError as error:
        text = f"the store {path} can't be looked at ({(error.strerror or str(error)).lower()})"
        advice = "check the disk and the permissions"
    return [Finding("store", "failed", text, advice)]


def _file(path: Path) -> Finding:
    if path.is_dir():
        raise StoreUnavailable(f"the store {path} is a directory: name a file in it")
    if not path.exists():
        return _place(path)
    if (holder := _holder(path)) is not None:
        return Finding("store", "ok", f"in use by a running bridge (process {holder})")
    if not os.access(path, os.R_OK | os.W_OK):
        raise StoreUnavailable(f"the store {path} can't be opened (permission denied): let this user write there")
    try:
        return _content(path)
    except sqlite3.Error as error:
        raise explain(path, error) from error


def _place(path: Path) -> Finding:
    """Whether a file could be made there, and before it its directory."""
    directory = path.parent if path.parent.exists() else path.parent.parent
    if not directory.is_dir():
        raise StoreUnavailable(f"the store {path} can't be opened (no such directory): create the directory first")
    if not os.access(directory, os.W_OK | os.X_OK):
        raise StoreUnavailable(f"the store {path} can't be opened (permission denied): let this user write there")
    return Finding("store", "ok", "does not exist yet; a bridge will make it")


def _holder(path: Path) -> str | None:
    """The process that has the store open, if there is one."""
    try:
        descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        # Shared, and given back at once: only a bridge that starts in this very moment would meet it.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
    finally:
        os.close(descriptor)
    return None


def _content(path: Path) -> Finding:
    # Immutable: SQLite then takes no locks and makes no files of its own. Nobody writes, for the store is not in use.
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        if is_empty(connection, path):
            return Finding("store", "ok", "an empty file; a bridge will use it")
        if _log(path).exists():
            # Without its log the file is not what was committed, and only whoever opens it may join them.
            return Finding("store", "ok", "was left in the middle of something; a bridge will go on from there")
        check(connection, path)
    return Finding("store", "ok", "is there, and sound")


def _log(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _room(path: Path) -> list[Finding]:
    directory = next(parent for parent in path.parents if parent.exists())
    free = shutil.disk_usage(directory).free
    if free >= ROOM:
        return []
    return [
        Finding("disk", "warning", f"only {free // 2**20} MiB are free", "make room: a full disk stops every account")
    ]

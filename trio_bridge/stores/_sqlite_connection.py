"""A connection to the file as we want it, and what SQLite's errors mean to us."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import attrs

from ..errors import StoreUnavailable
from ._sqlite_schema import IN_HAND, OLDEST_SQLITE, WAITING, damaged, prepare

_PRAGMAS = (
    "PRAGMA synchronous = FULL",  # A commit that returned survives a power loss: acknowledgements rest on it.
    "PRAGMA fullfsync = ON",  # The same on macOS, where a plain fsync stops at the drive's cache.
    "PRAGMA cache_size = -16384",  # 16 MiB: the upper pages of the key index for some millions of deliveries.
    "PRAGMA temp_store = MEMORY",
    "PRAGMA journal_size_limit = 67108864",  # After a burst the -wal shrinks to 64 MiB.
)

_BROKEN = {
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
}
_REASONS = {
    sqlite3.SQLITE_BUSY: "is locked by another program: end that program's transaction",
    sqlite3.SQLITE_FULL: "has no room, its disk is full: make room, it goes on by itself",
    sqlite3.SQLITE_READONLY: "can't be written: check its permissions and its file system",
    sqlite3.SQLITE_CANTOPEN: "can't be opened: check that it exists and may be read and written",
    sqlite3.SQLITE_NOTADB: "is not a database: name another file",
}


@attrs.frozen
class Doubt:
    """A round whose COMMIT failed on the disk: whether it is in the file shows when the file is opened again."""

    number: int
    first_seq: int
    """Deliveries that it stored have this ``seq`` or a higher one."""


@attrs.frozen
class Opened:
    """A connection that is ready for use, and where the file stands."""

    connection: sqlite3.Connection
    number: int
    """Of the last round that was committed."""
    last_seq: int


def connect(path: Path) -> sqlite3.Connection:
    """A bare connection to a file that exists, usable from any thread; transactions are the caller's."""
    return sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, timeout=0, isolation_level=None, check_same_thread=False
    )


def open_checked(path: Path) -> Opened:
    """The file has our tables, is sound as far as a bounded check can tell, and commits are durable.

    Raises:
      StoreUnavailable: the file can't be ours.
      sqlite3.Error: SQLite could not; :func:`is_busy` says whether another program is the reason.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise StoreUnavailable(f"SQLite {sqlite3.sqlite_version} is too old for {path}: version {oldest} is needed")
    connection = connect(path)
    try:
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        prepare(connection, path)
        [mode] = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise StoreUnavailable(f"the file system of {path} can't hold a write-ahead log: use a local disk")
        return _opened(connection)
    except BaseException:
        connection.close()
        raise


def open_again(path: Path, doubt: Doubt | None) -> Opened:
    """The same after the disk failed, and everything in the file was written and synced once more.

    For a failed sync may leave in memory what is not on the disk. A round in doubt, of which its callers were told that
    it failed, is undone: what it stored is forgotten, what it claimed waits.
    """
    opened = open_checked(path)
    connection = opened.connection
    try:
        if doubt is not None and doubt.number == opened.number:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM inbox WHERE seq >= ?", (doubt.first_seq,))
            connection.execute("DELETE FROM seen WHERE seq >= ?", (doubt.first_seq,))
            connection.execute(
                "UPDATE inbox SET state = ?, attempts = attempts - 1 WHERE state = ? AND fence = ?",
                (WAITING, IN_HAND, doubt.number),
            )
            connection.execute("COMMIT")
        checkpoint(connection)
        return _opened(connection)
    except BaseException:
        connection.close()
        raise


def checkpoint(connection: sqlite3.Connection) -> None:
    """Everything that was committed is in the file itself, and the -wal is empty."""
    [busy, *_] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        error = sqlite3.OperationalError("another program reads the file")
        error.sqlite_errorcode = sqlite3.SQLITE_BUSY
        raise error


def _opened(connection: sqlite3.Connection) -> Opened:
    [number] = connection.execute("SELECT number FROM rounds").fetchone()
    [last_seq] = connection.execute("SELECT coalesce(max(seq), 0) FROM seen").fetchone()
    return Opened(connection, number, last_seq)


def _kind(error: sqlite3.Error) -> int:
    # The low byte; the rest says where exactly. Errors of the Python module itself carry no code.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


def is_busy(error: sqlite3.Error) -> bool:
    """Another program holds the lock: later it will do."""
    return _kind(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def is_broken(error: sqlite3.Error) -> bool:
    """This connection is not to be trusted any more."""
    return _kind(error) in _BROKEN


def explain(path: Path, error: sqlite3.Error) -> StoreUnavailable:
    """What happened to which file and what to do, in one line."""
    kind = _kind(error)
    if kind == sqlite3.SQLITE_CORRUPT:
        return damaged(path, str(error))
    if kind == sqlite3.SQLITE_IOERR:
        name = getattr(error, "sqlite_errorname", "SQLITE_IOERR")
        return StoreUnavailable(f"the disk failed under the store {path} ({name}): check the disk")
    return StoreUnavailable(f"the store {path} {_REASONS.get(kind, f'refused: {error}')}")

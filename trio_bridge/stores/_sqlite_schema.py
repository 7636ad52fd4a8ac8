"""The tables, and whether a file has them.

1. ``seen`` knows every delivery until it is trimmed; ``inbox`` has the payload of those that wait, are in hand or dead.
   Apart, because a row that shrinks in place leaves its page half empty: a day of handled messages would take as much
   room as their payloads did.
2. Claims and completions go by primary key. Beside the unique index on keys, a delivery maintains two narrow ones.
3. ``rounds`` has the number of the last commit. It is the fence of the claims in it: never given twice.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ..errors import StoreUnavailable

VERSION = 1
APPLICATION_ID = 0x74726962
"""Tells our files from those of other programs: "trib"."""
OLDEST_SQLITE = (3, 37)
"""STRICT tables."""

WAITING, IN_HAND, DEAD = 0, 1, 2
"""``inbox.state``. A row that is done is gone."""

_TABLES = """
CREATE TABLE rounds (number INTEGER NOT NULL) STRICT;
INSERT INTO rounds VALUES (0);
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT UNIQUE,               -- NULL: forgotten, its rows are being removed
    platform TEXT NOT NULL,
    owner TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    wanted TEXT
) STRICT;
CREATE TABLE seen (
    seq INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    key TEXT NOT NULL,
    alias TEXT,
    at REAL NOT NULL
) STRICT;
CREATE UNIQUE INDEX seen_key ON seen (account, key);
CREATE UNIQUE INDEX seen_alias ON seen (account, alias) WHERE alias IS NOT NULL;
CREATE INDEX seen_at ON seen (account, at);
CREATE TABLE inbox (
    seq INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    fence INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    deaths INTEGER NOT NULL DEFAULT 0,
    interrupted INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    received_at REAL NOT NULL,
    died_at REAL NOT NULL DEFAULT 0,
    size INTEGER NOT NULL,
    key TEXT NOT NULL,
    alias TEXT,
    lane TEXT NOT NULL,
    topic TEXT NOT NULL,
    error TEXT NOT NULL DEFAULT '',
    data TEXT NOT NULL
) STRICT;
CREATE INDEX inbox_account ON inbox (account);
CREATE INDEX inbox_dead ON inbox (account, died_at) WHERE state = 2;
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY,
    account INTEGER NOT NULL,
    key TEXT NOT NULL,
    lane TEXT NOT NULL,
    target TEXT NOT NULL,
    text TEXT NOT NULL,
    title TEXT NOT NULL,
    attachments TEXT NOT NULL,
    state TEXT NOT NULL,            -- as in the interface, and 'purged'
    created_at REAL NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    parts_sent INTEGER NOT NULL DEFAULT 0,
    not_before REAL NOT NULL DEFAULT 0,
    error TEXT NOT NULL DEFAULT '',
    sent_id TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE UNIQUE INDEX outbox_key ON outbox (account, key);
CREATE INDEX outbox_state ON outbox (account, state, created_at);
CREATE TABLE state (
    account INTEGER NOT NULL,
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (account, scope, key)
) STRICT, WITHOUT ROWID;
"""

_CHECKED_WHOLE = 256 * 2**20
"""Bytes up to which a file is read from end to end at opening: about a second from a cold disk."""


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """The file has our tables and is sound, as far as a bounded check can tell. Nothing of a foreign file is touched.

    Raises:
      StoreUnavailable: it is another program's, a newer version's, or damaged.
    """
    if is_empty(connection, path):
        _create(connection)
    else:
        check(connection, path)


def is_empty(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the file is still to get its tables; if not, they are ours.

    Raises:
      StoreUnavailable: they are another program's, or a newer version's.
    """
    [version] = connection.execute("PRAGMA user_version").fetchone()
    [application] = connection.execute("PRAGMA application_id").fetchone()
    [tables] = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if (application, version) == (0, 0) and not tables:
        return True
    if application != APPLICATION_ID:
        raise StoreUnavailable(f"the store {path} is a database of another program: name another file")
    if version > VERSION:
        raise StoreUnavailable(
            f"the store {path} has schema {version}, from a newer trio_bridge; this one knows {VERSION}: update it"
        )
    return False


def _create(connection: sqlite3.Connection) -> None:
    connection.executescript(
        f"BEGIN IMMEDIATE; {_TABLES}PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT;"
    )


def check(connection: sqlite3.Connection, path: Path) -> None:
    """The file is sound, as far as a bounded look can tell.

    Raises:
      StoreUnavailable: it is damaged.
    """
    # A large file is checked where it is small. Damage elsewhere is an error of its own, when it is read.
    whole = path.stat().st_size <= _CHECKED_WHOLE
    for table in [""] if whole else ["(rounds)", "(accounts)", "(state)"]:
        findings = connection.execute(f"PRAGMA quick_check{table}").fetchall()
        if findings != [("ok",)]:
            raise damaged(path, findings[0][0])


def damaged(path: Path, finding: str) -> StoreUnavailable:
    """What to say of a file that can't be trusted."""
    finding = " ".join(finding.split())[:200]
    return StoreUnavailable(f"the store {path} is damaged ({finding}): restore a copy, or move it away to begin anew")

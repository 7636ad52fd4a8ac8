"""What a SQLite store holds, read by any process at any time. Nothing is created, changed or held up by it.

1. The file is opened read-only, for one transaction that is over before anything is shown.
2. Where a log lies beside the file, a bridge uses it or was killed. SQLite reads both, and takes its locks in files
   that are there already.
3. Where there is none, the file is whole and at rest. It is read as it is, since to take locks SQLite would make files
   of its own; whether it stayed at rest is checked afterwards.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from operator import attrgetter
from pathlib import Path
from typing import Any, TypeVar

import attrs

from ..engine.store import DeadLetter, OutgoingRow, OutgoingState
from ..errors import StoreUnavailable
from . import _sqlite_inbox as inbox
from . import _sqlite_outbox as outbox
from . import _sqlite_state as state
from ._sqlite_connection import explain
from ._sqlite_database import PATIENCE, Transaction
from ._sqlite_schema import is_empty

T = TypeVar("T")

UNSENT: tuple[OutgoingState, ...] = ("open", "pending", "sending", "unknown")
"""States of a reply that nobody has seen yet, as far as is known."""


@attrs.frozen
class Unsent:
    """A reply that is kept, and the account that it belongs to."""

    account: str
    reply: OutgoingRow


class StoreReader:
    """What the store holds in one moment."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._transaction = Transaction(connection, 0, 0)

    def accounts(self) -> dict[str, int]:
        """Every account by its name, in the order in which they came: the number that it has in the file."""
        rows = self._transaction.execute("SELECT name, id FROM accounts WHERE name IS NOT NULL ORDER BY id")
        return dict(rows.fetchall())

    def unsent(self) -> list[Unsent]:
        """Replies that were not sent, by account and in order of sending."""
        return [
            Unsent(name, reply)
            for name, number in self.accounts().items()
            for reply in outbox.by_state(self._transaction, number, UNSENT)
        ]

    def state(self, account: str, scope: str) -> dict[str, Any]:
        """The small state of an account under a scope."""
        return state.load(self._transaction, self.accounts()[account], scope)

    def dead_letters(self) -> list[DeadLetter]:
        """Deliveries and replies that were given up, oldest first."""
        letters = []
        for name, number in self.accounts().items():
            letters += inbox.dead_letters(self._transaction, number, name)
            letters += outbox.dead_letters(self._transaction, number, name)
        return sorted(letters, key=attrgetter("at"))


def read_sqlite(path: str | os.PathLike[str], read: Callable[[StoreReader], T]) -> T:
    """What ``read`` finds in the store of a file. It may be called again if somebody begins to use the file meanwhile.

    Raises:
      StoreUnavailable: there is no store, or none that can be read; in one line, with the reason.
    """
    path = Path(path).expanduser().absolute()
    while True:
        before = _signs(path)
        try:
            found = _read(path, read, at_rest=not before.log)
        except sqlite3.Error as error:
            if before.log or _signs(path) == before:
                raise explain(path, error) from error
        else:
            if before.log or _signs(path) == before:
                return found


@attrs.frozen
class _Signs:
    """What changes as soon as somebody uses the file."""

    size: int
    changed_at: int
    log: bool


def _signs(path: Path) -> _Signs:
    try:
        status = path.stat()
        if path.is_dir():
            raise StoreUnavailable(f"the store {path} is a directory: name a file in it")
        return _Signs(status.st_size, status.st_mtime_ns, path.with_name(path.name + "-wal").exists())
    except (FileNotFoundError, NotADirectoryError):
        raise StoreUnavailable(f"there is no store {path}: no bridge has run with it yet") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StoreUnavailable(f"the store {path} can't be read ({reason}): let this user read there") from error


def _read(path: Path, read: Callable[[StoreReader], T], *, at_rest: bool) -> T:
    address = f"{path.as_uri()}?mode=ro{'&immutable=1' if at_rest else ''}"
    with closing(sqlite3.connect(address, uri=True, timeout=PATIENCE, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        if is_empty(connection, path):
            raise StoreUnavailable(f"the store {path} is an empty file: no bridge has run with it yet")
        return read(StoreReader(connection))

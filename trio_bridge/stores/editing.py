"""Small state changed by a process that does not hold the store, also while a bridge does.

1. It is one transaction under SQLite's own locks: the bridge sees all of it or nothing, and waits for it as little as
   for its own disk.
2. Nothing but small state may be changed so. Of messages and replies the bridge keeps in memory what it needs, and
   would not look again.
3. Whose scope it is has to expect it: see :mod:`..engine.pairing`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from . import _sqlite_state as state
from ._sqlite_connection import explain
from .reading import StoreReader, read_sqlite

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds to wait for a bridge that is busy: whoever typed a command waits longer than a platform would."""


class StateEditor(StoreReader):
    """The store, within one transaction."""

    def save(self, account: str, scope: str, changes: Mapping[str, Any]) -> None:
        """Change the small state of an account; ``None`` deletes a key."""
        state.save(self._transaction, self.accounts()[account], scope, changes)


def edit_sqlite(path: str | os.PathLike[str], edit: Callable[[StateEditor], T]) -> T:
    """What ``edit`` returns. What it saved is durable then; if it raises, nothing is changed.

    Raises:
      StoreUnavailable: there is no store, or it can't be written; in one line, with the reason.
    """
    path = Path(path).expanduser().absolute()
    read_sqlite(path, StoreReader.accounts)  # A store that is not there must not be made.
    try:
        return _edit(path, edit)
    except sqlite3.Error as error:
        raise explain(path, error) from error


def _edit(path: Path, edit: Callable[[StateEditor], T]) -> T:
    address = f"{path.as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=PATIENCE, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("BEGIN IMMEDIATE")
        edited = edit(StateEditor(connection))
        connection.execute("COMMIT")
        return edited

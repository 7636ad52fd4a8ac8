"""One transaction after another on one file, and no doubt about any of them.

1. Between BEGIN and COMMIT nothing is awaited but the COMMIT.
2. Every transaction that changes something writes its number. A connection on which the disk failed is never used
   again: the file is opened anew and checked, and the number in it says whether the last transaction is there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import trio

from ..engine.executors import Executor
from ..errors import StoreUnavailable
from ._sqlite_connection import Doubt, Opened, checkpoint, explain, is_broken, is_busy, open_again, open_checked

T = TypeVar("T")

PATIENCE = 1.5
"""Seconds to wait for another program's lock: the tightest platform wants its acknowledgement within 3."""
RETRY = 0.02
REOPEN_PAUSE = 1.0
"""Seconds between attempts to open a file whose disk failed."""


class Transaction:
    """What a job may use while it is carried out."""

    __slots__ = ("_cursor", "fence", "last_seq")

    def __init__(self, connection: sqlite3.Connection, fence: int, last_seq: int) -> None:
        self._cursor = connection.cursor()
        self.fence = fence
        """The number of this transaction."""
        self.last_seq = last_seq
        """Of the deliveries of all accounts; whoever stores one counts on."""

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Carry out one statement. The cursor is good until the next one."""
        try:
            return self._cursor.execute(sql, parameters)
        except UnicodeEncodeError:  # Half a surrogate pair, as of an emoji that was cut in two: SQLite can't have it.
            return self._cursor.execute(sql, [_encodable(value) for value in parameters])


def _encodable(value: Any) -> Any:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


Job = Callable[[Transaction], T]


class Database:
    """The file, open for one user at a time: who that is, is the writer's business."""

    def __init__(self, path: Path, executor: Executor) -> None:
        self.path = path
        self._executor = executor
        self._connection: sqlite3.Connection | None = None
        self._number = 0
        self._last_seq = 0
        self._doubt: Doubt | None = None
        self._trouble = ""
        self._reopen_at = 0.0

    async def open(self) -> None:
        """The file is open and checked.

        Raises:
          StoreUnavailable: it can't be opened, or can't be ours.
        """
        await self._open(partial(open_checked, self.path))

    async def aclose(self) -> None:
        """The file has everything that was committed, its -wal is gone, and it is closed."""
        if self._connection is not None:
            with suppress(sqlite3.Error):  # What is not in the file yet is in the -wal, and read from there next time.
                await self._executor(partial(checkpoint, self._connection))
            await self._discard(self._connection)

    async def transact(self, jobs: Sequence[Job[Any]]) -> list[Any]:
        """The results of these jobs, which are durable now.

        Raises:
          StoreUnavailable: no job has a chance at present.
          Exception: what a job raised, or what SQLite said to its statements. In either case nothing was changed.
        """
        connection = self._connection or await self._open_again(self._doubt)
        before = connection.total_changes
        transaction = Transaction(connection, self._number + 1, self._last_seq)
        try:
            await self._begin(connection)
            results = [job(transaction) for job in jobs]
            changed = connection.total_changes > before
            if changed:
                transaction.execute("UPDATE rounds SET number = ?", (transaction.fence,))
            else:
                transaction.execute("ROLLBACK")
        except BaseException as error:
            await self._roll_back(connection, error)
            raise
        if changed:
            await self._commit(connection, transaction.fence)
            self._last_seq = transaction.last_seq
        else:
            await trio.lowlevel.checkpoint()
        return results

    async def _begin(self, connection: sqlite3.Connection) -> None:
        async def attempt() -> None:
            connection.execute("BEGIN IMMEDIATE")

        await self._patiently(attempt)

    async def _commit(self, connection: sqlite3.Connection, number: int) -> None:
        try:
            await self._executor(partial(connection.execute, "COMMIT"))
        except sqlite3.Error as error:
            await self._roll_back(connection, error)
            if not is_broken(error):
                raise
            self._doubt = Doubt(number, self._last_seq + 1)
            await self._open_again(None)
            if self._number != number:
                raise explain(self.path, error) from error
        self._number = number

    async def _roll_back(self, connection: sqlite3.Connection, error: BaseException) -> None:
        """Nothing of the transaction is left; nor is the connection, if it can't be trusted."""
        broken = isinstance(error, sqlite3.Error) and is_broken(error)
        if not broken and connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except sqlite3.Error:
                broken = True
        if broken:
            await self._discard(connection)

    async def _discard(self, connection: sqlite3.Connection) -> None:
        self._connection = None
        await self._executor(partial(_close, connection))

    async def _open_again(self, doubt: Doubt | None) -> sqlite3.Connection:
        """The file is open once more. A transaction in doubt is undone, for its callers were told that it failed.

        Raises:
          StoreUnavailable: it can't be opened, now or a moment ago.
        """
        if trio.current_time() < self._reopen_at:
            raise StoreUnavailable(self._trouble)
        try:
            connection = await self._open(partial(open_again, self.path, doubt))
        except StoreUnavailable as error:
            self._trouble = str(error)
            self._reopen_at = trio.current_time() + REOPEN_PAUSE
            raise
        self._doubt = None
        return connection

    async def _open(self, how: Callable[[], Opened]) -> sqlite3.Connection:
        try:
            opened = await self._patiently(partial(self._executor, how))
        except sqlite3.Error as error:
            raise explain(self.path, error) from error
        self._connection, self._number = opened.connection, opened.number
        self._last_seq = max(self._last_seq, opened.last_seq)
        return opened.connection

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What the attempt gives, made again and again while another program holds the lock and patience lasts."""
        give_up_at = trio.current_time() + PATIENCE
        while True:
            try:
                return await attempt()
            except sqlite3.Error as error:
                if not is_busy(error):
                    raise
                if trio.current_time() >= give_up_at:
                    raise explain(self.path, error) from error
            await trio.sleep(RETRY)


def _close(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):
        connection.close()

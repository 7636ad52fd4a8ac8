"""Everything in one SQLite file: the durable store of one process."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Literal

import trio

from ..engine.executors import Executor, in_thread
from ..engine.executors import inline as inline
from ..engine.store import AccountRecord, Store
from ..errors import StoreUnavailable
from . import _sqlite_accounts as accounts
from ._sqlite_account import SqliteAccount
from ._sqlite_database import Database
from ._sqlite_file import create, lock
from ._sqlite_writer import Writer


@asynccontextmanager
async def open_sqlite(path: str | os.PathLike[str], *, executor: Executor | None = None) -> AsyncIterator[SqliteStore]:
    """A store in the file ``path``, which is ours alone until the block ends.

    The executor runs what waits for the disk: a thread, or :func:`inline` for tests in virtual time.

    Raises:
      StoreUnavailable: in one line, which file it is, why it can't be the store, and what to do.
    """
    store = SqliteStore(path, executor=executor)
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()


class SqliteStore(Store):
    """All accounts of a process in one file: a commit serves them all. :func:`open_sqlite` opens and closes it."""

    durable = True

    def __init__(self, path: str | os.PathLike[str], *, executor: Executor | None = None) -> None:
        # Absolute, so that a change of the working directory does not make it another file.
        self.path: Path = Path(path).expanduser().absolute()
        self._executor = executor or in_thread()
        self._database = Database(self.path, self._executor)
        self._writer = Writer(self._database)
        self._lock: int | None = None

    async def open(self) -> None:
        """The file is locked, open and checked. Raises as :func:`open_sqlite` does."""
        self._lock = await self._executor(partial(lock, self.path))
        try:
            await self._executor(partial(create, self.path))
            await self._database.open()
            await self._sweep()
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Everything is in the file itself, and the file is free for others."""
        with trio.CancelScope(shield=True):  # Bounded by the disk: nobody else waits for it any more.
            await self._writer.aclose()
            await self._database.aclose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def open_account(self, name: str, *, platform: str, owner: str = "", enabled: bool = True) -> SqliteAccount:
        number = await self._writer.call(lambda tx: accounts.keep(tx, name, platform, owner, enabled))
        return SqliteAccount(self._writer, name, number)

    async def accounts(self) -> list[AccountRecord]:
        return await self._writer.call(accounts.known)

    async def want(self, name: str, wanted: Literal["running", "stopped"]) -> None:
        await self._writer.call(lambda tx: accounts.want(tx, name, wanted))

    async def forget_account(self, name: str) -> None:
        await self._writer.call(lambda tx: accounts.forget(tx, name))
        with suppress(StoreUnavailable):  # It is forgotten; what is left of it goes at the next opening.
            await self._sweep()

    async def _sweep(self) -> None:
        while await self._writer.call(accounts.sweep):
            pass

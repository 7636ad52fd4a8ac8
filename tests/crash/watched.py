"""A SQLite store whose every call can be watched: a look before it, and one after it, at what became of it.

Between a call and the look after it nobody else runs that could know of its result.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from trio_bridge.engine.store import AccountStore
from trio_bridge.stores.sqlite import SqliteStore


class Watch:
    """Sees the calls of an account to its store. This one looks away."""

    def before(self, call: str, arguments: tuple[Any, ...]) -> None:
        """Something is about to be asked of the store."""

    def after(self, call: str, arguments: tuple[Any, ...], result: Any) -> None:
        """It was carried out, and is durable. Only the caller knows it besides, and only after this."""


def _watched(call: str) -> Callable[..., Awaitable[Any]]:
    async def watched(self: Any, *arguments: Any, **named: Any) -> Any:
        self.watch.before(call, arguments)
        result = await getattr(self.kept, call)(*arguments, **named)
        self.watch.after(call, arguments, result)
        return result

    return watched


def _open_eyes(self: Any, kept: AccountStore, watch: Watch) -> None:
    self.kept, self.watch = kept, watch


WatchedAccount = type(
    "WatchedAccount",
    (AccountStore,),
    {"__init__": _open_eyes, **{call: _watched(call) for call in AccountStore.__abstractmethods__}},
)


class WatchedStore(SqliteStore):
    """A SQLite store with one watch for all its accounts."""

    def __init__(self, path: Path, watch: Watch) -> None:
        super().__init__(path)
        self._watch = watch

    async def open_account(self, name: str, **details: Any) -> Any:
        return WatchedAccount(await super().open_account(name, **details), self._watch)


@asynccontextmanager
async def open_watched(path: Path, watch: Watch) -> AsyncIterator[WatchedStore]:
    """The store in this file, while the block runs."""
    store = WatchedStore(path, watch)
    await store.open()
    try:
        yield store
    finally:
        await store.aclose()

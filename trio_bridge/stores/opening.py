"""From the URL of a configuration to an open store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..engine.store import Store
from ..errors import ConfigError
from .memory import MemoryStore
from .sqlite import open_sqlite

_EXPECTED = "expected memory: or sqlite:PATH"


@asynccontextmanager
async def open_store(store: str | Store) -> AsyncIterator[Store]:
    """The store that a URL names: ``memory:`` or ``sqlite:PATH``.

    A store that is open already is passed through, and stays its opener's to close.

    Raises:
      ConfigError: it names nothing that this version knows.
      StoreUnavailable: it can't be opened; the message says why and what to do.
    """
    if isinstance(store, Store):
        yield store
        return
    scheme, _, place = store.partition(":")
    if store == "memory:":
        yield MemoryStore()
    elif scheme == "sqlite" and _is_path(place):
        async with open_sqlite(place) as opened:
            yield opened
    elif scheme in ("redis", "rediss"):
        raise ConfigError(f"store: this version does not know redis; {_EXPECTED}")
    else:
        raise ConfigError(f"store {store!r}: {_EXPECTED}")


def _is_path(place: str) -> bool:
    # sqlite:///FILE means different files to different programs, and :memory: would not be durable.
    return bool(place) and place != ":memory:" and not place.startswith("//") and "\0" not in place

"""The small state of an account's conversations: where each is kept, and who may change it now."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import trio

from .store import AccountStore

SHARED = "conversations"
"""The scope of a state that all conversations have in common."""


def state_scope(lane: str) -> str:
    """Where the small state of one lane is kept."""
    return f"conversation:{lane}"


class Memory:
    """One state for each lane, whose deliveries are handled one at a time; or one for all of them.

    The latter is changed by one at a time too, from its loading to its commit: no change is lost.
    """

    def __init__(self, store: AccountStore, *, shared: bool) -> None:
        self._store = store
        self._shared = shared
        self._turns = trio.CapacityLimiter(1)
        self._whose: object = None

    def scope(self, lane: str) -> str:
        """Where the state of a lane is kept."""
        return SHARED if self._shared else state_scope(lane)

    async def load(self, lane: str) -> dict[str, Any]:
        """The state of a lane, as the last transaction left it."""
        return await self._store.load(self.scope(lane))

    @asynccontextmanager
    async def changing(self, who: object) -> AsyncGenerator[None]:
        """Nobody else changes the state that ``who`` changes, until the block ends or :meth:`pass_on` is called."""
        if not self._shared:
            yield
            return
        await self._turns.acquire_on_behalf_of(who)
        self._whose = who
        try:
            yield
        finally:
            self.pass_on(who)

    def pass_on(self, who: object) -> None:
        """``who`` changes nothing any more: what it commits late will be refused."""
        if self._whose is who:
            self._whose = None
            self._turns.release_on_behalf_of(who)

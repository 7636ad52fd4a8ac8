"""A store whose rounds can be made to wait, or to fail."""

from __future__ import annotations

import trio

from trio_bridge.engine.store import Done, Work
from trio_bridge.errors import StoreUnavailable
from trio_bridge.stores.memory import MemoryAccount, MemoryStore


class Gate:
    """A store whose rounds can be made to wait, or to fail."""

    def __init__(self) -> None:
        self.open = trio.Event()
        self.open.set()
        self.claims = trio.Event()
        """Lets rounds in which something is claimed pass."""
        self.claims.set()
        self.failing = False
        self.rounds: list[Work] = []


class GatedAccount(MemoryAccount):
    gate: Gate

    async def work(self, work: Work) -> Done:
        await self.gate.open.wait()
        if work.claim:
            await self.gate.claims.wait()
        if self.gate.failing:
            raise StoreUnavailable("disk full")
        self.gate.rounds.append(work)
        return await super().work(work)


class GatedStore(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.gate = Gate()

    async def open_account(self, name: str, **kwargs: object) -> MemoryAccount:  # type: ignore[override]
        account = await super().open_account(name, **kwargs)  # type: ignore[arg-type]
        account.__class__ = GatedAccount
        account.gate = self.gate  # type: ignore[attr-defined]
        return account

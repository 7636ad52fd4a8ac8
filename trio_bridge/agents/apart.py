"""A place in the bridge's store for accounts that agents run: nobody else's account can have its name."""

from __future__ import annotations

from typing import Literal

import attrs

from ..engine.store import AccountRecord, AccountStore, Store

MARK = " "
"""What no account of a bridge may begin with."""


def kept_as(name: str) -> str:
    """What the store calls an account of an agent."""
    return MARK + name


class Apart(Store):
    """The accounts of a store that begin with the mark, without it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.durable = store.durable
        self.path = store.path

    async def open_account(self, name: str, *, platform: str, owner: str = "", enabled: bool = True) -> AccountStore:
        return await self._store.open_account(kept_as(name), platform=platform, owner=owner, enabled=enabled)

    async def accounts(self) -> list[AccountRecord]:
        return [
            attrs.evolve(record, name=record.name.removeprefix(MARK))
            for record in await self._store.accounts()
            if record.name.startswith(MARK)
        ]

    async def want(self, name: str, wanted: Literal["running", "stopped"]) -> None:
        await self._store.want(kept_as(name), wanted)

    async def forget_account(self, name: str) -> None:
        await self._store.forget_account(kept_as(name))

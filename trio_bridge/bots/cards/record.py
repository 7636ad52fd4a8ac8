"""What is kept of a card until its reply is through, so that a later life of the account can bring it to its end."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import attrs

from ...engine.store import AccountStore
from ...errors import StoreUnavailable


@attrs.frozen
class Record:
    """One card. It is kept before the card is made: what may exist is known."""

    id: str
    """The id of the card: our own where we choose it; else empty until it is made, and kept before anybody sees it."""
    asked_by: str = ""
    """Whoever asked the question that it answers."""
    announced: bool = False
    """It was made before there was a reply: that will come when its message is handled."""
    delivered: bool = False
    """People can see it."""
    stuck: bool = False
    """Its reply went another way, or nowhere, and it could not be ended."""
    ended: bool = False
    shown: int = 0
    """How many characters of the reply it holds for good. The rest goes as messages."""
    message: str = ""
    """The platform's id of the message that shows it, where there is one."""
    life: int = 0
    """How many lives of the account took it up: each numbers its changes higher than those before."""
    begun_at: float = 0.0
    """When it was made, by the clock on the wall."""


class Records:
    """The cards of one account that are not through, by the key of their reply."""

    def __init__(self, store: AccountStore, scope: str) -> None:
        self._store = store
        self._scope = scope
        self._records: dict[str, Record] = {}

    async def open(self) -> None:
        """Take up what an earlier life left, and keep that it was taken up, if the store will have it."""
        for key, kept in (await self._store.load(self._scope)).items():
            if (record := _read(kept)) is not None:
                self._records[key] = attrs.evolve(record, life=record.life + 1)
        with suppress(StoreUnavailable):  # What is known is enough to go on.
            if self._records:
                changes = {key: attrs.asdict(record) for key, record in self._records.items()}
                await self._store.save(self._scope, changes)

    def get(self, key: str) -> Record | None:
        return self._records.get(key)

    def items(self) -> list[tuple[str, Record]]:
        return list(self._records.items())

    async def put(self, key: str, record: Record) -> None:
        """Keep it. Durable when this returns.

        Raises:
          StoreUnavailable: it could not be kept; what was known before is known still.
        """
        await self._store.save(self._scope, {key: attrs.asdict(record)})
        self._records[key] = record

    async def forget(self, key: str) -> None:
        """Its reply is through."""
        if key in self._records:
            await self._store.save(self._scope, {key: None})
            del self._records[key]


def _read(kept: Any) -> Record | None:
    """A record as it was kept. What has another form is from a version that we don't know."""
    if not isinstance(kept, Mapping) or not isinstance(kept.get("id"), str):
        return None
    known = {field.name: kept[field.name] for field in attrs.fields(Record) if field.name in kept}
    return Record(**known)

"""What is kept of a card until its reply is through, so that a later life of the account can bring it to its end."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import attrs

from ....engine.store import AccountStore

SCOPE = "dingtalk:cards"


@attrs.frozen
class Record:
    """One card. It is kept before the card is made: what may exist is known."""

    id: str
    """Our own id of it, ``outTrackId`` to DingTalk."""
    asked_by: str = ""
    """The staff id of whoever asked the question that it answers."""
    announced: bool = False
    """It was made before there was a reply: that will come when its message is handled."""
    delivered: bool = False
    """People can see it."""
    stuck: bool = False
    """Its reply went another way, or nowhere, and it could not be ended."""
    ended: bool = False
    shown: int = 0
    """How many characters of the reply it holds for good. The rest goes as messages."""


def card_id(client_id: str, account: str, key: str) -> str:
    """The id of the card for a reply: the same in every life of the account, and nobody else's."""
    name = "\0".join((client_id, account, key))
    return f"card_{hashlib.sha256(name.encode()).hexdigest()[:40]}"


class Records:
    """The cards of one account that are not through, by the key of their reply."""

    def __init__(self, store: AccountStore) -> None:
        self._store = store
        self._records: dict[str, Record] = {}

    async def open(self) -> None:
        """Read what an earlier life left."""
        for key, kept in (await self._store.load(SCOPE)).items():
            if (record := _read(kept)) is not None:
                self._records[key] = record

    def get(self, key: str) -> Record | None:
        return self._records.get(key)

    def items(self) -> list[tuple[str, Record]]:
        return list(self._records.items())

    async def put(self, key: str, record: Record) -> None:
        """Keep it. Durable when this returns.

        Raises:
          StoreUnavailable: it could not be kept; what was known before is known still.
        """
        await self._store.save(SCOPE, {key: attrs.asdict(record)})
        self._records[key] = record

    async def forget(self, key: str) -> None:
        """Its reply is through."""
        if key in self._records:
            await self._store.save(SCOPE, {key: None})
            del self._records[key]


def _read(kept: Any) -> Record | None:
    """A record as it was kept. What has another form is from a version that we don't know."""
    if not isinstance(kept, Mapping) or not isinstance(kept.get("id"), str):
        return None
    known = {field.name: kept[field.name] for field in attrs.fields(Record) if field.name in kept}
    return Record(**known)

"""Cards that an earlier life left behind, or whose reply went another way: each is brought to its end."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs
import trio

from ...engine.outbox import ERROR_MARK
from ...engine.store import AccountStore, OutgoingRow
from ...errors import BridgeError
from ...messages import Reply
from ..cutting import divided
from .card import Card, Manner
from .record import Record, Records
from .seam import NO_TEXT, USELESS, PlatformCards

SWEEPS: Final = 5
"""Tries to end what an earlier life left behind."""
WAITING: Final = frozenset[str]({"open", "pending", "sending", "unknown"})
"""States of a reply that may still come to its end in its card."""

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class Leftovers:
    """Ends the cards of one account that nobody else will end."""

    _platform_cards: PlatformCards
    _manner: Manner
    _records: Records
    _store: AccountStore
    _nursery: trio.Nursery
    _labels: Mapping[str, Any]
    _sweeping: trio.Lock = attrs.field(factory=trio.Lock, init=False)

    def sweep(self, keys: Sequence[str], *, promised: bool = True) -> None:
        """Soon end the cards whose replies are gone, or were announced and are not ``promised`` any more."""
        if keys:
            name = f"{self._labels['account']}/stuck cards"
            self._nursery.start_soon(self._sweep, keys, promised, name=name)

    async def _sweep(self, keys: Sequence[str], promised: bool) -> None:
        for key in keys:
            async with self._sweeping:  # two sweeps may know the same card
                if (record := self._records.get(key)) is not None:
                    await self._bring_to_end(key, record, promised)

    async def _bring_to_end(self, key: str, record: Record, promised: bool) -> None:
        try:
            row = await self._store.outgoing_row(key)
            coming = promised and record.announced if row is None else row.state in WAITING
            if coming and not record.stuck:
                return
            gone = row is None or row.state == "dead"
            looks_busy = bool(record.id) and not record.ended and (record.stuck or gone)
            if not looks_busy or await self._end(key, record, self._last_words(row, record)):
                await self._records.forget(key)
        except BridgeError as error:
            fields = {**self._labels, "card": record.id, "cause": str(error)}
            logger.warning("a card whose reply is gone could not be ended", extra=fields)

    def _last_words(self, row: OutgoingRow | None, record: Record) -> str:
        """What people read in it then: what it holds of the answer for good, or else whether that went another way."""
        if row is not None and record.shown:
            return divided(self._platform_cards.apart(Reply(row.text)).text, record.shown)[0]
        return ERROR_MARK if row is None or row.state == "dead" else NO_TEXT

    async def _end(self, key: str, record: Record, text: str) -> bool:
        """End it. False where the platform takes no such call now, and may at the next start."""
        face = self._platform_cards.card(key, record=record)
        card = Card(face, self._platform_cards, self._manner, "shown")
        for trial in range(SWEEPS):
            try:
                await card.end(text, failed=text.endswith(ERROR_MARK))
            except BridgeError:
                if trial + 1 == SWEEPS:
                    raise
                await trio.sleep(2.0**trial)
            else:
                break
        return card.trouble is None or card.trouble.verdict not in USELESS

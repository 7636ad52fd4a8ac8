"""Cards for messages that wait while their conversation is busy. The answer will stand in the same card."""

from __future__ import annotations

import zlib
from collections.abc import Callable

from ....bots.cards.deck import Cards
from ....bots.gate.gate import Gate
from ....engine.keys import first_reply
from ....messages import Message
from ....wire.protocol import Delivery
from ..config import DingTalk
from ..targets import answer_to


class BusyCards:
    """Says of a message that waits that it was seen: of one at a time in each conversation.

    ``read`` is how a delivery becomes a message.
    """

    def __init__(self, config: DingTalk, cards: Cards, gate: Gate, read: Callable[[Delivery], Message | None]) -> None:
        self._texts = config.busy_texts if config.busy_ack else ()
        self._cards = cards
        self._gate = gate
        self._read = read
        self._told: dict[str, str] = {}
        """The reply that was announced, by lane."""

    def arrived(self, delivery: Delivery, ahead: int) -> None:
        """A message waits behind ``ahead`` others. Who may not be heard is told nothing."""
        if not self._texts or self._is_told(delivery.lane):
            return
        message = self._read(delivery)
        if message is not None and self._gate.surely_admits(message):
            key = first_reply(delivery.key)
            text = self._texts[zlib.crc32(key.encode()) % len(self._texts)]
            self._cards.announce(key, answer_to(message.raw).dump(), text.replace("{ahead}", str(ahead)))
            self._told = {lane: told for lane, told in self._told.items() if self._cards.is_announced(told)}
            self._told[delivery.lane] = key

    def _is_told(self, lane: str) -> bool:
        key = self._told.get(lane)
        return key is not None and self._cards.is_announced(key)

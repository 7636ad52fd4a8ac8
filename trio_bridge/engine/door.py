"""A way in that is no connection: somebody calls us with a delivery, and waits for what is to be answered."""

from __future__ import annotations

from typing import Any

import attrs
import trio

from ..wire.protocol import Delivery
from .inbox import Inbox
from .platform import Door
from .serving import Answer
from .statistics import Counters


@attrs.define(eq=False)
class AccountDoor(Door):
    """The door of one account."""

    _inbox: Inbox
    _answer: Answer
    _counters: Counters

    async def take(self, delivery: Delivery) -> bool:
        self._counters.received += 1
        acked, _ = await self._inbox.accept([delivery])
        self._counters.acked += len(acked)
        return bool(acked)

    async def answer(self, delivery: Delivery) -> Any:
        self._counters.received += 1
        self._counters.answered += 1
        deadline = trio.current_time() + (delivery.answer_within or 0.0)
        with trio.CancelScope(deadline=deadline):
            return await self._answer(delivery, deadline)
        return None

    def unwanted(self) -> None:
        self._counters.gated += 1

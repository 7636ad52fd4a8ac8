"""What is said to people whose message was dropped: best effort, and not to everyone of a crowd."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import trio

from ..errors import BridgeError
from ..wire.protocol import Delivery
from .context import HandlerContext
from .platform import Platform

EVERY = 60.0
"""Seconds between two of them in one lane."""
WAITING = 64
"""So many may wait to be said; a crowd of lanes that overflow at once learns nothing."""

logger = logging.getLogger(__name__)


class Excuses:
    """Has the platform say that a message was dropped, at most once in :data:`EVERY` seconds for each lane."""

    def __init__(
        self, platform: Platform, context: Callable[[Delivery], HandlerContext], labels: Mapping[str, Any]
    ) -> None:
        self._platform = platform
        self._context = context
        self._labels = labels
        self._said_at: dict[str, float] = {}
        # What finds no room is not said: see WAITING. One task has both ends.
        self._dropped_in, self._dropped_out = trio.open_memory_channel[Delivery](WAITING)

    def ask_for(self, delivery: Delivery) -> None:
        """It was dropped. A plain call."""
        now = trio.current_time()
        while self._said_at and self._said_at[lane := next(iter(self._said_at))] + EVERY <= now:
            del self._said_at[lane]
        if delivery.lane in self._said_at:
            return
        try:
            self._dropped_in.send_nowait(delivery)
        except trio.WouldBlock:
            return
        self._said_at[delivery.lane] = now

    async def run(self) -> None:
        """Say it, for as long as the account runs."""
        with self._dropped_in, self._dropped_out:
            async for delivery in self._dropped_out:
                context = self._context(delivery)
                message = self._platform.message(delivery, context)
                if message is None:
                    continue
                context.attach(message)
                try:
                    await self._platform.excuse(message)
                except BridgeError as error:
                    fields = {**self._labels, "key": delivery.key, "cause": str(error)}
                    logger.warning("could not say that a message was dropped", extra=fields)

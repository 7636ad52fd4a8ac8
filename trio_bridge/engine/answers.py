"""Answers that acknowledgements carry. Whoever gives them lives above connections, and is not waited for too long.

1. An answer has its deadline. After it the empty answer is sent, whatever the handler makes of its cancellation.
2. A delivery with the key of one that is being answered shares its answer; afterwards it is a delivery of its own.
3. A lost connection cancels nobody: the platform may never ask again.
4. As many are given at the same time as the account has workers. Those are others: who waits for an answer never
   waits for messages.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import trio

from ..config import AccountConfig
from ..wire.protocol import Delivery
from .dispatch import HandlerFailed, walled
from .statistics import Counters

logger = logging.getLogger(__name__)


class NotAnswered(Exception):
    """Whoever was to answer failed."""


@attrs.define(eq=False)
class _Asked:
    """A delivery that is being answered, for as many connections as it came over meanwhile."""

    delivery: Delivery
    deadline: float
    settled: trio.Event = attrs.field(factory=trio.Event)
    answer: Any = None
    failed: bool = False


class Answers:
    """Has the deliveries of one account answered."""

    def __init__(
        self, config: AccountConfig, process: Callable[[Delivery], Awaitable[Any]], counters: Counters
    ) -> None:
        self._config = config
        self._process = process
        self._counters = counters
        self._asked: dict[str, _Asked] = {}
        self._slots = trio.Semaphore(config.workers)
        # Unbounded: each is waited for by a connection, and connections bound those that wait.
        self._begin, self._begun = trio.open_memory_channel[_Asked](float("inf"))

    async def answer(self, delivery: Delivery, deadline: float) -> Any:
        """The answer to a delivery; ``None`` is the empty one. The caller limits the time that it waits.

        Raises:
          NotAnswered: the handler failed.
        """
        asked = self._asked.get(delivery.key)
        if asked is None:
            asked = self._asked[delivery.key] = _Asked(delivery, deadline)
            self._begin.send_nowait(asked)
        await asked.settled.wait()
        if asked.failed:
            raise NotAnswered
        return asked.answer

    async def run(self) -> None:
        """Give answers for as long as the account runs."""
        label = f"{self._config.platform}:{self._config.name}/answer"
        async with trio.open_nursery() as nursery:
            async for asked in self._begun:
                nursery.start_soon(self._give, asked, name=label)

    # As for workers: Ctrl-C while a handler runs must not land in the handler.
    @trio.lowlevel.enable_ki_protection
    async def _give(self, asked: _Asked) -> None:
        fields = {**self._config.labels, "key": asked.delivery.key}
        try:
            with trio.CancelScope(deadline=asked.deadline) as limit:
                async with self._slots:
                    asked.answer = await walled(self._process, asked.delivery)
            self._counters.failed += limit.cancelled_caught
            if limit.cancel_called:  # Whoever does not heed a cancellation has come to an end, and too late.
                logger.warning("no answer in time: the empty one is sent", extra=fields)
        except HandlerFailed as failure:
            asked.failed = True
            self._counters.failed += 1
            logger.warning("a handler failed instead of answering", exc_info=failure.__cause__, extra=fields)
        finally:
            del self._asked[asked.delivery.key]
            asked.settled.set()

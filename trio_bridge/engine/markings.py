"""Completions on their way into the store, and what became of each."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs
import trio

from ..errors import NotSent
from .held import Held
from .store import Completion

PATIENCE = 5.0
"""A caller that is cancelled learns what became of its completion if the store takes no longer than that."""

logger = logging.getLogger(__name__)

Then = Callable[[Completion], None]
"""Called once the completion is committed."""


@attrs.define(eq=False)
class Marking:
    """A completion that is tried until the store takes it."""

    held: Held
    completion: Completion
    then: Then | None = None
    settled: trio.Event | None = None
    """Set when somebody waits."""
    carried_out: bool = False


class Markings:
    """Queues completions for the keeper. A claim that was revoked commits nothing."""

    def __init__(self, ring: Callable[[], None], labels: Mapping[str, Any]) -> None:
        self._ring = ring
        self._labels = labels
        self._waiting: deque[Marking] = deque()

    def __bool__(self) -> bool:
        """Whether anything waits to be marked."""
        return bool(self._waiting)

    def submit_nowait(self, held: Held, completion: Completion, then: Then | None = None) -> None:
        """Have a completion committed, then call ``then``."""
        if held.revoked:
            logger.warning("a late completion was refused", extra={**self._labels, "key": held.claim.delivery.key})
            return
        self._submit(Marking(held, completion, then))

    async def submit(self, held: Held, completion: Completion, then: Then | None = None) -> None:
        """The same, returning when it is durable.

        Raises:
          NotSent: the delivery had been taken away from this worker; nothing of the completion was carried out.
        """
        settled = trio.Event()
        marking = Marking(held, completion, then, settled)
        if not held.revoked:
            self._submit(marking)
            try:
                await settled.wait()
            except trio.Cancelled:
                # The keeper carries on, but the caller would not learn of it. A store that is away bounds the wait.
                with trio.move_on_after(PATIENCE, shield=True):
                    await settled.wait()
                raise
        if not marking.carried_out:
            raise NotSent("the message was taken away from this handler; nothing of its transaction was carried out")

    def _submit(self, marking: Marking) -> None:
        self._waiting.append(marking)
        self._ring()

    # The keeper's side

    def gather(self) -> Sequence[Marking]:
        """Take what is to be marked in the next round."""
        gathered, self._waiting = self._waiting, deque()
        return gathered

    def put_back(self, markings: Iterable[Marking]) -> None:
        """The store did not take them: they come first in the next round."""
        self._waiting = deque([*markings, *self._waiting])

"""Who gets what: workers that wait for a delivery, and deliveries that were claimed for them.

1. A worker holds one delivery at a time, and all generations of an account together hold as many as it has workers.
2. A delivery may be claimed ahead of its worker, so that busy lanes share a commit, but only as many as the workers
   will have taken in hand within a moment, going by how long the last ones took. Where handlers take their time,
   nothing is claimed ahead.
3. What waits claimed for longer than :data:`PATIENCE` is to be given back: see :attr:`Handout.overdue_at`.
"""

from __future__ import annotations

from collections import deque

import attrs
import trio

from .held import Held

SOON = 0.05
"""Seconds within which whatever is claimed ahead should have found its worker."""
AHEAD = 64
"""Deliveries claimed ahead at the most."""
PATIENCE = 1.0
"""A delivery that found no worker for so long was claimed too early: the handlers have become slow."""
STRAIGHT = 8
"""Deliveries that are taken without letting other tasks run."""
EASE = 1 / 8
"""How quickly a slow handler is forgotten; the next slow one is noticed at once."""


@attrs.define(eq=False)
class _Waiter:
    taker: object
    woken: trio.Event = attrs.field(factory=trio.Event)
    held: Held | None = None


class Handout:
    """The workers of one account, over all its generations."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._waiting: deque[_Waiter] = deque()
        self._ahead: deque[Held] = deque()
        self._busy: set[Held] = set()
        self._lost: set[Held] = set()
        self._straight = 0
        self._pace = float("inf")  # until the first worker has shown how long it takes

    @property
    def busy(self) -> int:
        """Workers with a delivery in hand, and workers that ignore their cancellation."""
        return len(self._busy) + len(self._lost)

    @property
    def lost(self) -> int:
        """Workers that ignore their cancellation."""
        return len(self._lost)

    @property
    def wanted(self) -> int:
        """Deliveries that workers would take in hand at once: where any, nothing is claimed ahead that they could."""
        return min(len(self._waiting), self._workers - self.busy)

    @property
    def room_ahead(self) -> int:
        """Deliveries that may be claimed ahead now, beyond those that are wanted."""
        ready = self._workers - self.busy
        if ready < 1:
            return 0
        soon = AHEAD if self._pace * AHEAD <= ready * SOON else int(ready * SOON / self._pace)
        return max(0, soon - len(self._ahead))

    @property
    def anything_ahead(self) -> bool:
        return bool(self._ahead)

    @property
    def overdue_at(self) -> float:
        """When what is claimed ahead will have waited too long."""
        return self._ahead[0].claimed_at + PATIENCE if self._ahead else float("inf")

    async def next(self, taker: object) -> Held | None:
        """Wait for a delivery and take it in hand; ``None`` when the taker was dismissed.

        Cancelled, the taker has nothing in hand.
        """
        if self._ahead and self.busy < self._workers:
            return await self._checked(self._take())
        waiter = _Waiter(taker)
        self._waiting.append(waiter)
        try:
            await waiter.woken.wait()
        except trio.Cancelled:
            # Between the cancellation and this line others may have dismissed the waiter, or handed it something.
            if waiter.held is not None:
                self._pass_on(waiter.held)
            elif waiter in self._waiting:
                self._waiting.remove(waiter)
            raise
        return waiter.held

    def dismiss(self, taker: object) -> None:
        """Send the waiting workers of ``taker`` home."""
        for waiter in [waiter for waiter in self._waiting if waiter.taker is taker]:
            self._waiting.remove(waiter)
            waiter.woken.set()

    def offer(self, held: Held) -> None:
        """Give a claimed delivery to the worker that has waited longest, or to the next one to come."""
        self._ahead.append(held)
        self._serve()

    def let_go(self, held: Held) -> None:
        """A worker is through with this delivery: it may take another."""
        if held in self._busy:
            self._busy.discard(held)
            took = trio.current_time() - held.taken_at
            self._pace = max(took, self._pace + (took - self._pace) * EASE) if self._pace < float("inf") else took
        self._lost.discard(held)
        self._serve()

    def lose(self, held: Held) -> None:
        """The worker ignores its cancellation: until it lets go, there is one less."""
        self._busy.discard(held)
        self._lost.add(held)

    def recall(self) -> list[Held]:
        """What was claimed and no worker has taken: nobody will take it any more."""
        recalled, self._ahead = list(self._ahead), deque()
        return recalled

    async def _checked(self, held: Held) -> Held:
        """Let cancellation and, every now and then, other tasks have their turn."""
        # It is in hand already: who would look for one only after that turn may have been dismissed meanwhile, and
        # would wait for ever.
        self._straight = (self._straight + 1) % STRAIGHT
        try:
            if self._straight:
                await trio.lowlevel.checkpoint_if_cancelled()
            else:
                await trio.lowlevel.checkpoint()
        except trio.Cancelled:
            self._pass_on(held)
            raise
        return held

    def _pass_on(self, held: Held) -> None:
        self._busy.discard(held)
        self.offer(held)

    def _serve(self) -> None:
        while self._ahead and self._waiting and self.busy < self._workers:
            waiter = self._waiting.popleft()
            waiter.held = self._take()
            waiter.woken.set()

    def _take(self) -> Held:
        held = self._ahead.popleft()
        held.taken_at = trio.current_time()
        self._busy.add(held)
        return held

"""Which item comes next: the head of a lane that nobody works on. Pure bookkeeping, no waiting.

1. Items of one lane are taken in the order in which they were added, one at a time.
2. A lane is in one of four conditions: idle (nothing waits), ready, busy (its head was taken), or held back until
   a time. Only ready lanes are taken from, the one that has been ready longest first.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Lanes(Generic[T]):
    """The waiting items of one account, by conversation."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[T]] = {}
        self._ready: OrderedDict[str, None] = OrderedDict()  # a set that remembers its order
        self._busy: set[str] = set()
        self._held_back: dict[str, float] = {}
        self._returns: list[tuple[float, str]] = []
        self._count = 0

    def __len__(self) -> int:
        """How many items wait."""
        return self._count

    @property
    def lanes_ready(self) -> int:
        """How many lanes could be taken from now."""
        return len(self._ready)

    def waiting(self, lane: str) -> int:
        """How many items wait in a lane."""
        return len(self._waiting.get(lane, ()))

    def add(self, lane: str, item: T) -> int:
        """Put an item at the end of its lane. Returns how many are before it, one that was taken included."""
        waiting = self._waiting.get(lane)
        ahead = 1 if lane in self._busy else 0
        if waiting is None:
            self._waiting[lane] = deque((item,))
            if not ahead and lane not in self._held_back:
                self._ready[lane] = None
        else:
            ahead += len(waiting)
            waiting.append(item)
        self._count += 1
        return ahead

    def take(self, when: Callable[[T], bool] | None = None) -> tuple[str, T] | None:
        """Take the head of the lane that has been ready longest, which is busy from now on.

        ``None`` if no lane is ready, or ``when`` says no to that head.
        """
        lane = next(iter(self._ready), None)
        if lane is None:
            return None
        waiting = self._waiting[lane]
        if when is not None and not when(waiting[0]):
            return None
        del self._ready[lane]
        item = waiting.popleft()
        if not waiting:
            del self._waiting[lane]
        self._busy.add(lane)
        self._count -= 1
        return lane, item

    def release(self, lane: str) -> None:
        """The item that was taken is through: the lane may be taken from again."""
        self._busy.discard(lane)
        if lane in self._waiting and lane not in self._held_back:
            self._ready[lane] = None

    def put_back(self, lane: str, item: T, *, until: float | None = None) -> None:
        """The item that was taken returns to the head of its lane, which is held back ``until`` then."""
        self._busy.discard(lane)
        self._waiting.setdefault(lane, deque()).appendleft(item)
        self._count += 1
        if until is None:
            self._ready[lane] = None
        else:
            self.hold_back(lane, until)

    def hold_back(self, lane: str, until: float) -> None:
        """Take nothing from the lane before ``until``."""
        self._held_back[lane] = until
        heapq.heappush(self._returns, (until, lane))
        self._ready.pop(lane, None)

    def advance(self, now: float) -> None:
        """Let lanes return whose time has come."""
        while self._returns and self._returns[0][0] <= now:
            until, lane = heapq.heappop(self._returns)
            if self._held_back.get(lane) == until:
                del self._held_back[lane]
                if lane in self._waiting and lane not in self._busy:
                    self._ready[lane] = None

    def next_return(self) -> float:
        """When the next lane returns; infinity if none is held back."""
        return self._returns[0][0] if self._returns else float("inf")

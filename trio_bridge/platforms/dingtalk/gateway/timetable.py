"""What is to be done later, for code that has no clock."""

from __future__ import annotations

import heapq
from itertools import count
from typing import Protocol


class Duty(Protocol):
    """Something to do at a time."""

    def needless(self) -> bool:
        """Whether it need not be done any more."""

    def act(self, now: float) -> None:
        """Do it."""


class Timetable:
    """Duties with a time. Those that have become needless vanish by themselves, without being looked for."""

    def __init__(self) -> None:
        self._order = count()  # equal times keep the order in which they were added
        self._heap: list[tuple[float, int, Duty]] = []

    def add(self, at: float, duty: Duty) -> None:
        """Have the duty done at this time, unless it is needless then."""
        heapq.heappush(self._heap, (at, next(self._order), duty))

    def next_at(self) -> float | None:
        """When there is something to do, as things stand now."""
        while self._heap and self._heap[0][2].needless():
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def run(self, now: float) -> None:
        """Do everything that is due."""
        while self._heap and self._heap[0][0] <= now:
            _, _, duty = heapq.heappop(self._heap)
            if not duty.needless():
                duty.act(now)

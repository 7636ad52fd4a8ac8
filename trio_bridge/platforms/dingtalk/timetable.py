"""What is to be done later, for code that has no clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count


class Timetable:
    """Actions with a time. Those that have become needless vanish by themselves, without being looked for."""

    def __init__(self) -> None:
        self._order = count()  # equal times keep the order in which they were added
        self._heap: list[tuple[float, int, Callable[[float], None], Callable[[], bool]]] = []

    def add(self, at: float, act: Callable[[float], None], needless: Callable[[], bool]) -> None:
        """Have ``act(now)`` called at this time, unless ``needless()`` holds then."""
        heapq.heappush(self._heap, (at, next(self._order), act, needless))

    def next_at(self) -> float | None:
        """When there is something to do, as things stand now."""
        while self._heap and self._heap[0][3]():
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def run(self, now: float) -> None:
        """Do everything that is due."""
        while self._heap and self._heap[0][0] <= now:
            _, _, act, needless = heapq.heappop(self._heap)
            if not needless():
                act(now)

"""What is to be done later, for code that has no clock."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

import attrs


@attrs.define(eq=False)
class Appointment:
    """Something that will be done, unless it is cancelled before."""

    act: Callable[[], None]
    over: bool = False

    def cancel(self) -> None:
        """Don't do it. Idempotent, also when it is done."""
        self.over = True


class Timetable:
    """Appointments in the order of their times; equal times keep the order in which they were made."""

    def __init__(self) -> None:
        self._order = count()
        self._heap: list[tuple[float, int, Appointment]] = []

    def add(self, at: float, act: Callable[[], None]) -> Appointment:
        """Have it done at this time."""
        appointment = Appointment(act)
        heapq.heappush(self._heap, (at, next(self._order), appointment))
        return appointment

    def next_at(self) -> float | None:
        """When there is something to do, as things stand now."""
        while self._heap and self._heap[0][2].over:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def run(self, now: float) -> None:
        """Do everything that is due, also what becomes due by that."""
        while (at := self.next_at()) is not None and at <= now:
            _, _, appointment = heapq.heappop(self._heap)
            appointment.over = True
            appointment.act()

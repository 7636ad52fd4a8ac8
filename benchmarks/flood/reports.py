"""What a subject says of itself, over a pipe."""

from __future__ import annotations

import bisect
import json
import os
from typing import Any

import attrs

SIZE = 65_536


@attrs.define
class Reports:
    """Everything that a subject has said until now."""

    pipe: int
    handled: int = 0
    facts: dict[str, Any] | None = None
    """What it found worth telling when all was done."""
    _marks: list[tuple[int, int]] = attrs.field(factory=list)
    _rest: bytes = b""

    def fileno(self) -> int:
        return self.pipe

    @property
    def finished(self) -> bool:
        return self.facts is not None

    def take(self) -> None:
        """Note what has been said. Raises ``EOFError`` when the subject has ended."""
        data = os.read(self.pipe, SIZE)
        if not data:
            raise EOFError("it ended by itself")
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in map(json.loads, lines):
            if "handled" in line:
                self.handled = line["handled"]
                self._marks.append((self.handled, line["cpu"]))
            else:
                self.facts = line["facts"]

    def cost_between(self, first: float, last: float, whole: tuple[int, int]) -> float:
        """CPU for one message, in nanoseconds, between two shares of the run.

        ``whole`` is what the process had used at the beginning and at the end, by the same clock.
        """
        begin, end = whole
        curve = [(0, begin), *(mark for mark in self._marks if mark[0] < self.handled), (self.handled, end)]
        counts = first * self.handled, last * self.handled
        return (cpu_at(curve, counts[1]) - cpu_at(curve, counts[0])) / (counts[1] - counts[0])


def cpu_at(curve: list[tuple[int, int]], handled: float) -> float:
    """What had been used when so many were handled: on the line between the two nearest reports."""
    place = min(max(1, bisect.bisect_left(curve, handled, key=lambda mark: mark[0])), len(curve) - 1)
    (before, low), (after, high) = curve[place - 1 : place + 1]
    return low + (high - low) * (handled - before) / (after - before)

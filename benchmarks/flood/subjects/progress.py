"""What a subject tells the harness while it runs: how much is handled, and what CPU that took it so far."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import attrs

STEPS = 100
"""Reports in a flood: often enough to keep the window open, and so few that they cost nothing."""


@attrs.frozen
class Task:
    """What the harness asks of a subject: the last four arguments of its command line."""

    host: str
    count: int
    folder: Path
    report: int
    """The file descriptor on which the harness listens."""

    @classmethod
    def given(cls) -> Task:
        host, count, folder, report = sys.argv[-4:]
        return cls(host, int(count), Path(folder), int(report))


class Progress:
    """Counts what is handled."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._step = max(1, task.count // STEPS)
        self._due = self._step
        self._handled = 0

    def add(self, number: int = 1) -> bool:
        """Count messages that were handled. Returns whether these were the last."""
        self._handled += number
        if self._handled >= self._due:
            self._due = self._handled + self._step
            self._say(handled=self._handled, cpu=time.process_time_ns())
        return self._handled >= self._task.count

    def finish(self, **facts: Any) -> None:
        """Tell the harness that everything is done, and what else it may want to know."""
        self._say(facts=facts)

    def _say(self, **line: Any) -> None:
        os.write(self._task.report, json.dumps(line).encode() + b"\n")

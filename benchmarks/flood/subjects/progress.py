"""What a subject tells the harness while it runs: how much is handled, and what CPU that took it so far."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)  # not attrs: an SDK may run where there are none
class Task:
    """What the harness asks of a subject: the last arguments of its command line."""

    host: str
    count: int
    step: int
    """After how many messages it wants to hear how far things are."""
    folder: Path
    report: int
    """The file descriptor on which the harness listens."""

    @classmethod
    def given(cls) -> Task:
        host, count, step, folder, report = sys.argv[-5:]
        return cls(host, int(count), int(step), Path(folder), int(report))


class Progress:
    """Counts what is handled."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._due = task.step
        self._handled = 0

    def add(self, number: int = 1) -> bool:
        """Count messages that were handled. Returns whether these were the last."""
        self._handled += number
        if self._handled >= self._due:
            self._due = min(self._handled + self._task.step, self._task.count)
            self._say(handled=self._handled, cpu=time.process_time_ns())
        return self._handled >= self._task.count

    def finish(self, **facts: Any) -> None:
        """Tell the harness that everything is done, and what else it may want to know."""
        self._say(facts=facts)

    def _say(self, **line: Any) -> None:
        os.write(self._task.report, json.dumps(line).encode() + b"\n")

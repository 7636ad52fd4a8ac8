"""What a subject tells the harness: its CPU after the first and before the last tenth, and that all is handled."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import attrs


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
        self._tenths = [task.count - task.count // 10, task.count // 10]
        self._due = self._tenths.pop()
        self._marks: list[int] = []
        self.handled = 0

    def add(self, number: int = 1) -> bool:
        """Count messages that were handled. Returns whether these were the last."""
        self.handled += number
        if self.handled >= self._due:
            self._marks.append(time.process_time_ns())
            self._due = self._tenths.pop() if self._tenths else sys.maxsize
        return self.handled >= self._task.count

    def report(self, **facts: Any) -> None:
        """Tell the harness that everything is done."""
        line = json.dumps({"marks": self._marks, "handled": self.handled, "facts": facts})
        os.write(self._task.report, line.encode() + b"\n")

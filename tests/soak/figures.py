"""What a process costs, and how late things were."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import attrs
import trio

TICK = 0.02


@attrs.frozen
class ProcessFigures:
    """This process at one moment."""

    cpu: float
    """Seconds of all its threads."""
    starved: float
    """Seconds in which a thread of it wanted a processor and others had it: on a busy machine, the reason for much."""
    rss: float
    """MiB."""
    tasks: int
    fds: int
    threads: int

    @classmethod
    def now(cls) -> ProcessFigures:
        """The figures of this process, of a Trio run in it too. Linux only."""
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        threads = list(Path("/proc/self/task").iterdir())
        return cls(
            cpu=time.process_time(),
            starved=sum(int((thread / "schedstat").read_text().split()[1]) for thread in threads) / 1e9,
            rss=int(status["VmRSS"].split()[0]) / 1024,
            tasks=trio.lowlevel.current_statistics().tasks_living,
            fds=len(os.listdir("/proc/self/fd")),
            threads=len(threads),
        )

    def __str__(self) -> str:
        return (
            f"{self.tasks} tasks, {self.fds} fds, {self.threads} threads, {self.rss:.0f} MiB; "
            f"{self.cpu:.1f} s of CPU, {self.starved:.1f} s waiting for one"
        )


def quantile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def milliseconds(values: Sequence[float]) -> str:
    """Median, 99th percentile and the worst, for people."""
    p50, p99, worst = (1000 * quantile(values, share) for share in (0.5, 0.99, 1.0))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {worst:.1f} ms, n {len(values)}"


async def watch_loop(late: list[float]) -> None:
    """Note how late this loop comes round to a task that wants to run, until cancelled."""
    while True:
        due = trio.current_time() + TICK
        await trio.sleep_until(due)
        late.append(trio.current_time() - due)

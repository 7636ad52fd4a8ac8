"""What a process has cost so far, seen from another. Linux only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import attrs

PROC = Path("/proc")
SCHEDULED = 2
"""The scheduler's own account of a process (``CPUCLOCK_SCHED``): nanoseconds, with the slice that is running now."""


@attrs.frozen
class Usage:
    """A process at one moment, with its threads and the processes that it started. All in nanoseconds."""

    at: int
    cpu: int
    waited: int
    """Time in which one of its threads could have run, had there been a processor for it."""

    @classmethod
    def of(cls, pid: int) -> Usage:
        family = list(descent(pid))
        return cls(at=time.perf_counter_ns(), cpu=sum(map(cpu_of, family)), waited=sum(map(waited_of, family)))


def descent(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield pid
    for children in (PROC / str(pid) / "task").glob("*/children"):
        for child in children.read_text().split():
            yield from descent(int(child))


def cpu_of(pid: int) -> int:
    """What all threads of a process have used, also those that ended."""
    # The kernel numbers the clocks of other processes so; the C library's clock_getcpuclockid does no more than this.
    return time.clock_gettime_ns((~pid << 3) | SCHEDULED)


def waited_of(pid: int) -> int:
    """What the living threads of a process have waited for a processor."""
    return sum(int(stat.read_text().split()[1]) for stat in (PROC / str(pid) / "task").glob("*/schedstat"))


def peak_memory(pid: int) -> int:
    """The most that a process has had in memory, in bytes."""
    status = dict(line.split(":", 1) for line in (PROC / str(pid) / "status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) * 1024

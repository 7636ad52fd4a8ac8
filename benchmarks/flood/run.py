"""One flood against one subject, from its start in a fresh process to its end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import attrs

from ..measure import Usage, peak_memory
from .frames import Flood, Frames
from .server import FloodServer, Sending
from .subjects import Subject

ROOT = Path(__file__).parents[2]
LAST_WORDS = 2000
"""Characters of what a subject wrote that are shown when it failed."""


class SubjectFailed(Exception):
    """A subject did not get through, or not as it should: then there is no figure for it."""


@attrs.frozen
class Run:
    """What one flood has cost a subject, in total and for one message. Times in microseconds where not said."""

    subject: str
    cpu: float
    """For one message."""
    first_tenth: float
    """For one message, while the first tenth was handled; and so for the last."""
    last_tenth: float
    seconds: float
    rate: float
    """Messages in a second."""
    busy: float
    """Share of the time in which it had a processor; above 1 where threads run side by side."""
    waited: float
    """Seconds in which it wanted a processor and others had it."""
    server_busy: float
    """The same share for the side that sends. Near 1 it was the one that held things up."""
    latency_p50: float
    """From the server's write to the acknowledgement, in milliseconds."""
    latency_p99: float
    memory: float
    """The most that it had in memory, in MiB."""
    facts: dict[str, Any]


def run_subject(subject: Subject, flood: Flood, frames: Frames) -> Run:
    """Measure one subject once. Raises :class:`SubjectFailed`."""
    with tempfile.TemporaryDirectory(prefix="flood-", dir=os.environ.get("TRIO_BRIDGE_BENCH_FOLDER")) as folder:
        with FloodServer() as server, started(subject, server.host, flood.count, Path(folder)) as (pid, report):
            try:
                return measure(subject, flood, frames, server, pid, report)
            except (OSError, ValueError, KeyError) as error:
                raise SubjectFailed(f"{subject.name}: {error}") from error


@contextmanager
def started(subject: Subject, host: str, count: int, folder: Path) -> Generator[tuple[int, IO[bytes]]]:
    """A subject that runs in a process of its own until the block ends, and what it reports."""
    ours, theirs = os.pipe()
    command = [*subject.command(), host, str(count), str(folder), str(theirs)]
    with os.fdopen(ours, "rb", buffering=0) as report, tempfile.TemporaryFile() as written:
        try:
            process = subprocess.Popen(command, cwd=ROOT, stdout=written, stderr=written, pass_fds=[theirs])
        finally:
            os.close(theirs)
        try:
            yield process.pid, report
        except SubjectFailed:
            written.seek(0)
            sys.stderr.write(written.read().decode(errors="replace")[-LAST_WORDS:])
            raise
        finally:
            process.kill()  # What was to be measured has been.
            process.wait()


def measure(subject: Subject, flood: Flood, frames: Frames, server: FloodServer, pid: int, report: IO[bytes]) -> Run:
    """Let the subject in, flood it, and look at what that cost."""
    said: list[bytes] = []

    def heard() -> bool:
        said.append(report.readline())
        return True

    with server.wait_websocket() as connection:
        sending = Sending(connection, frames, flood.window)
        begin, own_begin = Usage.of(pid), time.process_time_ns()
        sending.run(report.fileno(), heard)
        end, own_end = Usage.of(pid), time.process_time_ns()
        if not said[0]:
            raise SubjectFailed(f"{subject.name} ended early")
        words = json.loads(said[0])
        first, last = words["marks"]
        wall, waits = end.at - begin.at, sorted(sending.latencies())
        return Run(
            subject=subject.name,
            cpu=(end.cpu - begin.cpu) / flood.count / 1e3,
            first_tenth=(first - begin.cpu) / (flood.count // 10) / 1e3,
            last_tenth=(end.cpu - last) / (flood.count // 10) / 1e3,
            seconds=wall / 1e9,
            rate=flood.count / wall * 1e9,
            busy=(end.cpu - begin.cpu) / wall,
            waited=(end.waited - begin.waited) / 1e9,
            server_busy=(own_end - own_begin) / wall,
            latency_p50=waits[len(waits) // 2] / 1e6,
            latency_p99=waits[len(waits) * 99 // 100] / 1e6,
            memory=peak_memory(pid) / 2**20,
            facts=words["facts"],
        )

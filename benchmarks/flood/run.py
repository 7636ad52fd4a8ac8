"""One flood against one subject, from its start in a fresh process to its end."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from ..measure import Usage, peak_memory
from .flood import Flood
from .frames import Frames
from .reports import Reports
from .server import FloodServer, Sending
from .subject import Subject

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


def run_subject(subject: Subject, flood: Flood, frames: Frames, folder: Path) -> Run:
    """Measure one subject once; what it stores lies in ``folder`` meanwhile. Raises :class:`SubjectFailed`."""
    with (
        tempfile.TemporaryDirectory(prefix="flood-", dir=folder.resolve()) as own_folder,
        FloodServer(frames.platform) as server,
        started(subject, server.host, flood, Path(own_folder)) as (pid, reports),
    ):
        try:
            with server.wait_websocket(reports) as connection:
                return measure(subject, Sending(connection, flood, frames, reports), pid)
        except (OSError, EOFError, ValueError, LookupError) as error:
            raise SubjectFailed(f"{subject.name}: {error}") from error


@contextmanager
def started(subject: Subject, host: str, flood: Flood, folder: Path) -> Generator[tuple[int, Reports]]:
    """A subject that runs in a process of its own until the block ends. If it fails, its last words are shown."""
    ours, theirs = os.pipe()
    environment = {**os.environ, "NO_PROXY": "*"}
    command = [*subject.command(), host, *map(str, (flood.count, flood.step, folder, theirs))]
    with tempfile.TemporaryFile() as written:
        try:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=written, stderr=written, pass_fds=[theirs]
            )
        finally:
            os.close(theirs)
        try:
            yield process.pid, Reports(ours)
        except SubjectFailed:
            written.seek(0)
            sys.stderr.write(written.read().decode(errors="replace")[-LAST_WORDS:])
            raise
        finally:
            process.kill()  # What was to be measured has been.
            process.wait()
            os.close(ours)


def measure(subject: Subject, sending: Sending, pid: int) -> Run:
    """Flood a subject that has connected, and look at what that cost it."""
    sending.wait_ready()
    begin, own_begin = Usage.of(pid), time.process_time_ns()
    sending.run()
    end, own_end = Usage.of(pid), time.process_time_ns()
    count, wall, waits = sending.flood.count, end.at - begin.at, sorted(sending.latencies())
    whole = begin.cpu, end.cpu
    return Run(
        subject=subject.name,
        cpu=(end.cpu - begin.cpu) / count / 1e3,
        first_tenth=sending.reports.cost_between(0.0, 0.1, whole) / 1e3,
        last_tenth=sending.reports.cost_between(0.9, 1.0, whole) / 1e3,
        seconds=wall / 1e9,
        rate=count / wall * 1e9,
        busy=(end.cpu - begin.cpu) / wall,
        waited=(end.waited - begin.waited) / 1e9,
        server_busy=(own_end - own_begin) / wall,
        latency_p50=waits[len(waits) // 2] / 1e6,
        latency_p99=waits[len(waits) * 99 // 100] / 1e6,
        memory=peak_memory(pid) / 2**20,
        facts=sending.reports.facts or {},
    )

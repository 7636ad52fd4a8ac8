"""What a process is said to have used, beside what it says itself."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from benchmarks.measure import Usage, cpu_of, descent, peak_memory


def test_the_cpu_of_a_process_is_what_it_counts_itself() -> None:
    before = time.process_time_ns()
    seen = cpu_of(os.getpid())
    assert before <= seen <= time.process_time_ns()


def test_what_a_child_uses_counts() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, text=True) as child:
        assert set(descent(os.getpid())) >= {os.getpid(), child.pid}
        least = time.process_time_ns() + cpu_of(child.pid)  # before: the child is busy with its start
        assert Usage.of(os.getpid()).cpu >= least
        child.communicate("\n")


def test_peak_memory_is_what_a_process_has_had_at_its_largest() -> None:
    code = "block = b'x' * 2**26; del block; print(flush=True); input()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert 2**26 < peak_memory(child.pid) < 2**27
        child.communicate("\n")

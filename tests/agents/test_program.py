"""A program, run: with real processes, which say through pipes what they do."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.agents.fifo import Fifo
from trio_bridge.agents._program import GRACE, LINGER, OUTPUT, Ended, PrintedTooMuch, run_program

ESCAPES = """
import os, signal
r, w = os.pipe()
child = os.fork()
if child == 0:
    os.setsid()
    os.write(w, b".")
    signal.pause()
os.read(r, 1)
print(child)
"""


class Stage:
    """Runs scripts in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.heard: list[str] = []
        self._more = trio.Event()

    def hear(self, line: str) -> None:
        self.heard.append(line)
        self._more.set()
        self._more = trio.Event()

    async def wait_heard(self, line: str) -> None:
        while line not in self.heard:
            await self._more.wait()

    async def run(self, *argv: str, given: bytes = b"") -> Ended:
        environment = {"PATH": os.environ["PATH"]}
        return await run_program(argv, given, directory=self._folder, environment=environment, hear=self.hear)

    async def sh(self, script: str, given: bytes = b"") -> Ended:
        return await self.run("sh", "-c", script, given=given)

    async def sh_until(self, script: str, scope: trio.CancelScope) -> None:
        """Run it until the scope is cancelled."""
        with scope:
            await self.sh(script)
            raise AssertionError("it ended by itself")


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def no_child_is_left() -> bool:
    try:
        return os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return True


async def test_a_program_reads_prints_and_says(stage: Stage) -> None:
    assert await stage.sh("cat; echo one >&2; printf two >&2; exit 3", b"given") == Ended(3, b"given")
    assert stage.heard == ["one", "two"]
    assert no_child_is_left()


async def test_it_runs_in_its_folder_with_nothing_but_its_environment(stage: Stage, tmp_path: Path) -> None:
    ended = await stage.run(sys.executable, "-c", "import os; print(os.getcwd(), 'HOME' in os.environ)")
    assert ended.output.decode() == f"{tmp_path} False\n"


async def test_what_it_says_is_heard_as_it_comes(stage: Stage, nursery: trio.Nursery) -> None:
    nursery.start_soon(stage.sh, "echo early >&2; sleep 1000")
    await stage.wait_heard("early")


async def test_a_program_need_not_read_what_it_is_given(stage: Stage) -> None:
    assert await stage.sh("echo done", b"x" * 1_000_000) == Ended(0, b"done\n")


async def test_an_end_by_a_signal_shows(stage: Stage) -> None:
    assert (await stage.sh("kill -SEGV $$")).code == -signal.SIGSEGV


async def test_a_program_that_is_not_there_cannot_be_started(stage: Stage) -> None:
    with pytest.raises(FileNotFoundError):
        await stage.run("./nobody")


async def test_as_much_as_is_allowed_may_be_printed_and_not_a_byte_more(stage: Stage) -> None:
    assert len((await stage.sh(f"head -c {OUTPUT} /dev/zero")).output) == OUTPUT
    with pytest.raises(PrintedTooMuch):
        await stage.sh(f"head -c {OUTPUT + 1} /dev/zero; exec sleep 1000")
    assert no_child_is_left()


async def test_a_flood_of_complaints_does_not_stop_the_program(stage: Stage) -> None:
    assert await stage.sh("head -c 1000000 /dev/zero >&2; echo done") == Ended(0, b"done\n")


async def test_children_that_outlive_the_program_get_a_moment_and_are_ended(
    stage: Stage, fifo: Fifo, autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    ended: list[Ended] = []

    async def run() -> None:
        ended.append(await stage.sh("exec 3>fifo; sleep 1000 & echo begun >&3; echo done"))

    nursery.start_soon(run)
    await fifo.left()
    await trio.testing.wait_all_tasks_blocked()
    assert ended == [Ended(0, b"done\n")]
    assert trio.current_time() == LINGER


async def test_what_a_child_prints_in_that_moment_is_output(stage: Stage) -> None:
    until_the_program_is_gone = "while kill -0 $$ 2>&-; do :; done"
    assert await stage.sh(f"({until_the_program_is_gone}; echo late) & echo early") == Ended(0, b"early\nlate\n")


async def test_a_child_in_a_session_of_its_own_holds_up_nobody(stage: Stage, autojump_clock: MockClock) -> None:
    ended = await stage.run(sys.executable, "-c", ESCAPES, given=b"x" * 1_000_000)
    os.kill(int(ended.output), signal.SIGKILL)
    assert ended.code == 0
    assert trio.current_time() == LINGER


async def test_a_cancelled_program_may_clean_up_and_is_heard_to_its_end(
    stage: Stage, fifo: Fifo, nursery: trio.Nursery
) -> None:
    scope = trio.CancelScope()
    script = "exec 3>fifo; trap 'echo ending >&2; exit' TERM; (echo begun >&3; exec sleep 1000) & wait"
    nursery.start_soon(stage.sh_until, script, scope)
    with trio.fail_after(30):
        await fifo.heard("begun")
        scope.cancel()
        await fifo.left()
    await trio.testing.wait_all_tasks_blocked()
    assert stage.heard == ["ending"]
    assert no_child_is_left()


async def test_a_child_may_clean_up_after_the_program_has_ended(
    stage: Stage, fifo: Fifo, nursery: trio.Nursery
) -> None:
    scope = trio.CancelScope()
    cleans_up = "while kill -0 $$ 2>&-; do :; done; echo ending >&2; exit"
    child = f"trap '{cleans_up}' TERM; sleep 1000 >/dev/null 2>&1 3>&- & echo begun >&3; wait"
    nursery.start_soon(stage.sh_until, f"exec 3>fifo; ({child}) & wait", scope)
    await fifo.heard("begun")
    scope.cancel()
    await fifo.left()
    await stage.wait_heard("ending")


async def test_what_ignores_sigterm_is_killed_with_its_children(
    stage: Stage, fifo: Fifo, mock_clock: MockClock, nursery: trio.Nursery
) -> None:
    scope = trio.CancelScope()
    script = "exec 3>fifo; trap '' TERM; sleep 1000 & echo begun >&3; sleep 1000"
    ended = trio.Event()

    async def run() -> None:
        await stage.sh_until(script, scope)
        ended.set()

    nursery.start_soon(run)
    await fifo.heard("begun")
    cancelled_at = trio.current_time()
    scope.cancel()
    while not ended.is_set():  # in steps, for nobody knows when on a busy machine the grace begins
        await trio.testing.wait_all_tasks_blocked(0.01)
        mock_clock.jump(GRACE / 10)
    assert trio.current_time() >= cancelled_at + GRACE
    await fifo.left()
    assert no_child_is_left()


async def test_many_runs_leave_no_open_file(stage: Stage) -> None:
    await stage.sh("true")
    before = os.listdir("/dev/fd")
    async with trio.open_nursery() as nursery:
        for number in range(8):
            nursery.start_soon(partial(stage.sh, f"cat; exit {number}", b"given"))
    assert os.listdir("/dev/fd") == before

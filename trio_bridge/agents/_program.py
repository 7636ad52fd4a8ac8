"""One run of a program: what it is given, what it prints, and that nothing of it is left afterwards.

1. The program leads a session of its own. However the run ends, its process group is ended too: only what began yet
   another session escapes, and that is waited for by nobody.
2. What was printed until the program ended is its output; children that hold its pipes open delay it by ``LINGER``.
3. stderr is heard as it comes, and still while the program is being ended.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import attrs
import trio

from ._lines import BoundedLines

OUTPUT = 2**20
"""Bytes that a program may print: far beyond what any platform shows in one conversation."""
LINGER = 1.0
"""Seconds for the children of a program that has ended to say their last."""
GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL, and at most as many for the kernel after that: together they are less than what
a handler gets to clean up."""


@attrs.frozen
class Ended:
    """How a program ended by itself: its exit code (below zero: the number of a signal), and what it printed."""

    code: int
    output: bytes


class PrintedTooMuch(Exception):
    """A program printed more than ``OUTPUT`` bytes, and was ended for it."""


async def run_program(
    argv: Sequence[str],
    given: bytes,
    *,
    directory: Path,
    environment: Mapping[str, str],
    hear: Callable[[str], None],
) -> Ended:
    """Run a program to its end, with ``given`` on its stdin; ``hear`` gets every line of its stderr.

    Cancellation ends it and its children: SIGTERM, ``GRACE``, SIGKILL.

    Raises:
      OSError: it can't be started.
      PrintedTooMuch: it was ended before it ended by itself.
    """
    process = await trio.lowlevel.open_process(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=directory,
        env=environment,
        start_new_session=True,
    )
    return await _Run(process, hear).to_its_end(given)


class _Run:
    def __init__(self, process: trio.Process, hear: Callable[[str], None]) -> None:
        self._process = process
        self._hear = hear
        self._output = bytearray()
        self._silent = trio.Event()
        """Both pipes have ended: the program, and every child that shared them, has closed them."""
        self._running = trio.CancelScope()
        # Ended with the program, not with its caller: what it says while it is being ended is heard.
        self._listening = trio.CancelScope(shield=True)

    async def to_its_end(self, given: bytes) -> Ended:
        async with trio.open_nursery() as pipes:
            pipes.start_soon(self._listen)
            pipes.start_soon(self._feed, given)
            try:
                with self._running:
                    await self._process.wait()
                    with trio.move_on_after(LINGER):
                        await self._silent.wait()
            finally:
                with trio.CancelScope(shield=True):  # Bounded: twice GRACE at most.
                    await self._end_all()
                self._listening.cancel("the program has ended")
                pipes.cancel_scope.cancel("the program has ended")
        if len(self._output) > OUTPUT:
            raise PrintedTooMuch
        return Ended(await self._process.wait(), bytes(self._output))

    async def _feed(self, given: bytes) -> None:
        assert self._process.stdin is not None
        # A program need not read what it is given.
        with suppress(trio.BrokenResourceError):
            async with self._process.stdin as stdin:
                await stdin.send_all(given)

    async def _listen(self) -> None:
        with self._listening:
            async with trio.open_nursery() as both:
                both.start_soon(self._read_stdout)
                both.start_soon(self._read_stderr)
        self._silent.set()

    async def _read_stdout(self) -> None:
        assert self._process.stdout is not None
        async with self._process.stdout as stdout:
            async for piece in stdout:
                self._output += piece
                if len(self._output) > OUTPUT:
                    self._running.cancel("the program printed too much")
                    return

    async def _read_stderr(self) -> None:
        assert self._process.stderr is not None
        lines = BoundedLines()
        async with self._process.stderr as stderr:
            try:
                async for piece in stderr:
                    for line in lines.feed(bytes(piece)):
                        self._hear(line)
            finally:
                for line in lines.end():
                    self._hear(line)

    async def _end_all(self) -> None:
        """Nothing of the process group is left."""
        if self._process.returncode is None:
            self._signal(signal.SIGTERM)
            with trio.move_on_after(GRACE):
                await self._process.wait()
                await self._silent.wait()  # Its children may need a moment more than it did.
        self._signal(signal.SIGKILL)
        # A process that waits for a dead disk does not even heed that one. It must not keep us.
        with trio.move_on_after(GRACE):
            await self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        # The number of a group is given to nobody else while one process of it is left. Where none is left, or (on
        # macOS, or after a change of user) none that we may signal, there is nothing to do.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

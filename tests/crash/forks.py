"""A process that forks the processes which the tests kill: what they need is imported once, and not at every restart.

As a program it reads lines of JSON, ``["module:function", {arguments}]``, runs each in a child of its own, and writes
the child's pid at its beginning and its exit code at its end. When its input ends, so does its child, and so does it:
nothing outlives the tests.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import trio

ROOT = Path(__file__).parents[2]


class Forks:
    """Runs one child at a time."""

    def __init__(self, commands: int, news: int) -> None:
        self._commands = commands
        self._news = news
        self._heard = b""
        self._child = 0

    async def start(self, target: str, **arguments: Any) -> None:
        """Run ``module:function`` with these arguments. It has begun when this returns."""
        os.write(self._commands, json.dumps([target, arguments]).encode() + b"\n")
        self._child = await self._hear()

    def signal(self, number: signal.Signals) -> None:
        """Signal the child. One that has ended already hears nothing."""
        with suppress(ProcessLookupError):
            os.kill(self._child, number)

    async def wait(self) -> int:
        """Return the exit code when the child has ended; a negative one names the signal."""
        code = await self._hear()
        self._child = 0
        return code

    async def run(self, target: str, **arguments: Any) -> int:
        """Run it to its end, and return the exit code."""
        await self.start(target, **arguments)
        return await self.wait()

    async def clear(self) -> None:
        """Leave no child behind, whatever became of the test that started it."""
        if self._child:
            self.signal(signal.SIGKILL)
            with trio.CancelScope(shield=True):  # Bounded by what the kernel needs to kill.
                await self.wait()

    async def _hear(self) -> int:
        while b"\n" not in self._heard:
            await trio.lowlevel.wait_readable(self._news)
            self._heard += os.read(self._news, 100)
        line, _, self._heard = self._heard.partition(b"\n")
        return int(line)


@contextmanager
def open_forks(*modules: str) -> Iterator[Forks]:
    """A process that has imported these modules. When the block has ended, so has the process, and any child of it."""
    command = [sys.executable, "-m", "tests.crash.forks", *modules]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Forks(process.stdin.fileno(), process.stdout.fileno())


def serve() -> None:
    """The program."""
    while line := sys.stdin.readline():
        target, arguments = json.loads(line)
        alive, lifeline = os.pipe()
        if not (child := os.fork()):
            os.close(alive)
            os._exit(call(target, arguments))
        os.close(lifeline)
        print(child, flush=True)
        # Nobody asks for a second child beside the first: if there is something to read, it is the end.
        if sys.stdin.fileno() in select.select([sys.stdin.fileno(), alive], [], [])[0]:
            os.kill(child, signal.SIGKILL)
        os.close(alive)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def call(target: str, arguments: dict[str, Any]) -> int:
    """Call a function in a child, whose input is empty and whose output is the log of the tests."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    module, _, function = target.partition(":")
    try:
        getattr(importlib.import_module(module), function)(**arguments)
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    for name in sys.argv[1:]:
        importlib.import_module(name)
    with suppress(BrokenPipeError):
        serve()

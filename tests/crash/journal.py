"""The journal: a process of its own, so that no kill can touch it. It writes down what it is told, and says it again.

As a program it is given a pipe and a file. Whoever writes a line to the pipe, in one piece, has it in the journal in
the order of the writes, and lives or dies after that as he likes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import trio

Line = tuple[str, str]
"""What happened, and to what."""


def tell(pipe: int, *lines: Line) -> None:
    """Have these lines written down, all of them or none."""
    os.write(pipe, "".join(f"{word} {what}\n" for word, what in lines).encode())


class Journal:
    """The journal as the tests see it while it is written."""

    def __init__(self, path: Path, pipe: int) -> None:
        self.path = path
        self.pipe = pipe
        self._news = trio.Event()

    def tell(self, word: str, what: str) -> None:
        """Have a line written down, after everything that was told before."""
        tell(self.pipe, (word, what))

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        """Return when it holds. Looked at whenever something was written."""
        await trio.lowlevel.checkpoint()
        while not holds():
            await self._news.wait()

    async def read(self, process: trio.Process, hear: Callable[[str, str], None]) -> None:
        """Hear every line soon after it was written."""
        assert process.stdout is not None
        rest = b""
        async for piece in process.stdout:
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                word, _, what = line.decode().partition(" ")
                hear(word, what)
            self._news.set()
            self._news = trio.Event()


@asynccontextmanager
async def open_journal(folder: Path, hear: Callable[[str, str], None]) -> AsyncIterator[Journal]:
    """A journal that is written to ``folder/journal`` through the pipe ``folder/pipe``, while the block runs."""
    pipe, file = folder / "pipe", folder / "journal"
    os.mkfifo(pipe)
    async with trio.open_nursery() as nursery:
        process = await trio.lowlevel.open_process(
            [sys.executable, __file__, str(pipe), str(file)], stdout=subprocess.PIPE
        )
        try:
            journal = Journal(pipe, await trio.to_thread.run_sync(os.open, pipe, os.O_WRONLY, abandon_on_cancel=True))
            nursery.start_soon(journal.read, process, hear)
            try:
                yield journal
            finally:
                os.close(journal.pipe)
            await process.wait()
        finally:
            process.kill()


def read_journal(folder: Path) -> list[Line]:
    """Everything that was written down, in order."""
    lines = [line.partition(" ") for line in (folder / "journal").read_text().splitlines()]
    return [(word, what) for word, _, what in lines]


def keep(pipe: str, file: str) -> None:
    """The program: it ends when the last writer has closed the pipe."""
    with open(pipe, "rb") as told, open(file, "wb") as book:
        for line in told:
            book.write(line)
            book.flush()
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    keep(*sys.argv[1:])

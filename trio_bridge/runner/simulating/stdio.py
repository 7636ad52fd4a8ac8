"""Lines from stdin and to stdout, without ever holding up the loop.

Threads would do, but one that waits in a read or a write when the program ends takes the interpreter down with it. So
the descriptors are waited for and then read or written in portions that can't block; what can't be waited for, a file
or the null device, never blocks anyway.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress

import trio

from ...engine.bell import Bell

STDIN, STDOUT = 0, 1

PORTION = 4096
"""Bytes that a pipe takes whole once it takes any."""
LONGEST_LINE = 100_000
"""Bytes after which a line ends, whether there is a line end or not."""
UNREAD = 10_000
"""Lines that may wait for a reader. Of more, the oldest are left out: a reader that took the first line and went away
is no reason to stop."""
FAREWELL = 2.0
"""Seconds that the last lines get."""
BACKGROUND = 0.5
"""Seconds between two looks whether the terminal is ours to read."""


def hold_places() -> None:
    """Stdin and stdout are open, if only to nothing: else the next socket would get their number."""
    for descriptor in (STDIN, STDOUT):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # The lowest number that is free: the one that is missing.


async def lines_typed() -> AsyncGenerator[str]:
    """Each line of stdin that says something, as it comes; ends where stdin does. To be closed by whoever iterates."""
    left = b""
    while data := await _read():
        *whole, left = (left + data).split(b"\n")
        if len(left) > LONGEST_LINE:
            whole, left = [*whole, left], b""
        for line in map(_text, whole):
            if line:
                yield line
    if line := _text(left):
        yield line


def _text(line: bytes) -> str:
    return line.decode(errors="replace").strip()


async def _read() -> bytes:
    """Some bytes; none at the end."""
    try:
        while True:
            await _wait(trio.lowlevel.wait_readable, STDIN)
            if not _in_background():
                return os.read(STDIN, PORTION)
            await trio.sleep(BACKGROUND)
    except OSError:
        return b""  # Its terminal is gone.


def _in_background() -> bool:
    """Whether somebody else reads our terminal: whoever does so too is stopped, with all that runs in the process."""
    try:
        return os.tcgetpgrp(STDIN) != os.getpgrp()
    except OSError:
        return False  # It is no terminal, or none that stops anybody.


class LinesShown:
    """Lines on their way to stdout."""

    def __init__(self) -> None:
        self._waiting = deque[str](maxlen=UNREAD)
        self._begun = b""
        """What is left of the line that is being written: being cut off must not cut it in two."""
        self._bell = Bell()

    def put(self, line: str) -> None:
        """Have the line shown as soon as somebody reads. Never waits."""
        self._waiting.append(line)
        self._bell.ring()

    async def run(self) -> None:
        """Show lines until cancelled; then what still waits, within :data:`FAREWELL` seconds."""
        try:
            while True:
                await self._bell.wait()
                await self._show()
        finally:
            with trio.move_on_after(FAREWELL, shield=True):
                await self._show()

    async def _show(self) -> None:
        with suppress(OSError):  # Nobody reads any more.
            while self._begun or self._waiting:
                self._begun = self._begun or f"{self._waiting.popleft()}\n".encode(errors="replace")
                await _wait(trio.lowlevel.wait_writable, STDOUT)
                self._begun = self._begun[os.write(STDOUT, self._begun[:PORTION]) :]


async def _wait(ready: Callable[[int], Awaitable[None]], descriptor: int) -> None:
    try:
        await ready(descriptor)
    except PermissionError:
        await trio.lowlevel.checkpoint()

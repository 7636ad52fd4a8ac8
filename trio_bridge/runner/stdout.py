"""Stdout, of which nobody knows what it is: a terminal with few letters, a full disk, a pipe that nobody reads."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from .exits import ExitCode, say


class Stdout(io.TextIOWrapper):
    """Stdout that replaces letters which are not to be had there, and knows why it could not be written."""

    failure: OSError | None = None

    def write(self, text: str, /) -> int:
        with self._knowing():
            return super().write(text)

    def flush(self) -> None:
        with self._knowing():
            super().flush()

    @contextmanager
    def _knowing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.failure = error
            raise


@contextmanager
def stdout_of_any_kind() -> Iterator[None]:
    """Run a program that prints. If that was in vain, the process ends with 1 and a line that says why.

    It says nothing of a reader that went away: it has read what it wanted.
    """
    if not isinstance(sys.stdout, io.TextIOWrapper):  # it was closed before we began, and takes everything
        yield
        return
    stdout = sys.stdout = Stdout(
        sys.stdout.buffer,
        encoding=sys.stdout.encoding,
        errors="replace",
        line_buffering=sys.stdout.line_buffering,
        write_through=sys.stdout.write_through,
    )
    try:
        yield
    finally:
        with suppress(OSError):
            stdout.flush()
        # Whatever became of the error since: it may be in a group of a nursery by now.
        if stdout.failure is not None:
            # What is left would be tried, and complained of, once more at the very end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stdout.fileno())
            if not isinstance(stdout.failure, BrokenPipeError):
                say([f"stdout: {stdout.failure.strerror}"])
            sys.exit(ExitCode.FAILED)

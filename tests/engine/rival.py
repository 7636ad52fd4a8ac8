"""Another process of this machine, which wants the same credentials."""

from __future__ import annotations

import os
import subprocess
import sys
from types import TracebackType
from typing import Self

SCRIPT = """
import sys
from contextlib import ExitStack
from trio_bridge.engine.exclusive import hold_exclusively
from trio_bridge.errors import AccountRefused

with ExitStack() as held:
    for line in sys.stdin:
        try:
            held.enter_context(hold_exclusively(sys.argv[1]))
            print("held", flush=True)
        except AccountRefused:
            print("refused", flush=True)
"""


class Rival:
    """It lives while the block runs. What it got it keeps until its end."""

    def __init__(self, key: str, **environment: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, key],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )

    def gets_it(self) -> bool:
        """Let it try to hold the key."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._process.stdout.readline() == "held\n"

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.__exit__(kind, error, traceback)  # closes its input, whose end is its own, and waits

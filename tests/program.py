"""``trio-bridge run`` as a process of its own, for as long as a test wants it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio

from trio_bridge.testing.dingtalk import DingTalkSimulator

SALES = """
[accounts.sales]
platform = "dingtalk"
client_id = "dingclerk"
client_secret = "hush"
endpoint = "{url}"
oapi_endpoint = "{url}"
"""
"""An account of ``bridge.toml``, at the simulator with this URL."""


@asynccontextmanager
async def open_dingtalk(**options: Any) -> AsyncGenerator[DingTalkSimulator]:
    """A simulator on a port that lets the account in."""
    async with DingTalkSimulator(**options) as dingtalk:
        dingtalk.add_app("dingclerk", "hush")
        yield dingtalk


class Program:
    """The program while it runs, and what it has logged so far."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.log = ""
        self._more = trio.Event()

    async def read_log(self) -> None:
        assert self.process.stderr is not None
        async with self.process.stderr:
            async for piece in self.process.stderr:
                self.log += piece.decode()
                self._more.set()
                self._more = trio.Event()

    async def wait_logged(self, text: str, times: int = 1) -> None:
        while self.log.count(text) < times:
            await self._more.wait()

    async def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return await self.process.wait()


@asynccontextmanager
async def running(folder: Path, *arguments: str) -> AsyncGenerator[Program]:
    """Run ``bridge.toml`` of a folder. When the block has ended, so has the program."""
    command = [sys.executable, "-m", "trio_bridge", "run", "bridge.toml", *arguments]
    run = partial(trio.run_process, command, cwd=folder, stderr=subprocess.PIPE, check=False)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            program = Program(await nursery.start(run))
            nursery.start_soon(program.read_log)
            try:
                yield program
            finally:
                # Its own end was waited for, if it was asked to end.
                program.process.kill()

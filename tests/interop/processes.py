"""Bots on official SDKs, in processes of their own: what they say, and how they end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import trio

Line = dict[str, Any]


class Peer:
    """A bot on an official SDK, as this process sees it: what it says, and how it ends."""

    def __init__(self, sdk: str, process: trio.Process) -> None:
        self.sdk = sdk
        self.lines: list[Line] = []
        """What it said so far. What the SDK itself prints stands under ``printed``."""
        self.may_end = False
        self._process = process
        self._news = trio.Event()

    async def wait_said(self, key: str, holds: Callable[[Any], bool] = lambda value: True, *, times: int = 1) -> Any:
        """What it said under this key, and so that it holds: the newest, as soon as there are as many."""
        while len(said := self.said(key, holds)) < times:
            await self._news.wait()
        return said[times - 1]

    def said(self, key: str, holds: Callable[[Any], bool] = lambda value: True) -> list[Any]:
        return [line[key] for line in self.lines if key in line and holds(line[key])]

    def heard(self) -> dict[str, Any]:
        """The data of everything that its handlers were given, by what it is known by."""
        return {line["key"]: line["data"] for line in self.lines if "got" in line}

    async def wait_ended(self) -> int:
        """Its exit status, once it has ended by itself."""
        return await self._process.wait()

    async def listen(self) -> None:
        """Take down what it says. It fails the test by an end that was not expected."""
        assert self._process.stdout is not None
        rest = b""
        async for data in self._process.stdout:
            *lines, rest = (rest + data).split(b"\n")
            self.lines += map(_read, lines)
            self._news.set()
            self._news = trio.Event()
        status = await self._process.wait()
        assert self.may_end, f"the bot on the {self.sdk} SDK has ended with {status}"


@asynccontextmanager
async def open_peer(
    nursery: trio.Nursery, sdk: str, command: Sequence[str | Path], surroundings: Mapping[str, str]
) -> AsyncGenerator[Peer]:
    """A bot, for as long as the block runs. It and whatever it started are gone afterwards."""
    process = await trio.lowlevel.open_process(
        list(command),
        env={**os.environ, **surroundings, "NO_PROXY": "*", "no_proxy": "*"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    peer = Peer(sdk, process)
    nursery.start_soon(peer.listen)
    try:
        yield peer
    finally:
        peer.may_end = True
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        with trio.CancelScope(shield=True):  # killed: it ends at once
            await process.wait()
        for line in peer.lines[-20:]:  # pytest shows it beside a failure
            print(sdk, str(line)[:200])


def _read(line: bytes) -> Line:
    with suppress(ValueError):
        fields = json.loads(line)
        if isinstance(fields, dict):
            return fields
    return {"printed": line.decode(errors="replace")}

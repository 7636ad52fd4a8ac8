"""A simulator on loopback, and bots on the official SDKs in processes of their own.

``nox -s interop`` installs the SDKs, and says in ``TRIO_BRIDGE_NODE`` and ``TRIO_BRIDGE_NODE_MODULES`` where Node and
its packages are.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from tests.interop.wiretap import Wiretap
from trio_bridge.nurseries import open_background
from trio_bridge.platforms.dingtalk.gateway.model import Rules
from trio_bridge.testing._dingtalk_connection import SimulatedConnection
from trio_bridge.testing.dingtalk import DingTalkSimulator

PEERS = Path(__file__).parent / "peers"
APP, SECRET = "dingexampleappkey0001", "example-secret-not-real-0000000000000000000000000000000000000000"

LIMIT = 90.0
"""Seconds that a test may take: a busy machine starts processes slowly, and after a failure the Python SDK rests for
ten."""

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
        """The data of every message that its handlers were given, by message id."""
        return {line["message_id"]: line["data"] for line in self.lines if "got" in line}

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


@attrs.define(eq=False)
class Stage:
    """A simulator that knows one app, everything that is sent to it, and the nursery of its clients."""

    dingtalk: DingTalkSimulator
    tap: Wiretap
    nursery: trio.Nursery

    @asynccontextmanager
    async def bot(
        self, sdk: str, handlers: str = "full", *, app: str = APP, secret: str = SECRET
    ) -> AsyncGenerator[Peer]:
        """A bot of that app, for as long as the block runs. It and whatever it started are gone afterwards."""
        python, node = (sys.executable, PEERS / "peer.py"), (os.environ["TRIO_BRIDGE_NODE"], PEERS / "peer.mjs")
        surroundings = {"DINGTALK_OPENAPI_ENDPOINT": self.dingtalk.url, "NO_PROXY": "*", "no_proxy": "*"}
        process = await trio.lowlevel.open_process(
            [*(python if sdk == "python" else node), app, secret, handlers],
            env={**os.environ, **surroundings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        peer = Peer(sdk, process)
        self.nursery.start_soon(peer.listen)
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

    async def connected(self) -> SimulatedConnection:
        """The next connection that anybody opens here."""
        return await self.dingtalk.next_connection()

    async def play(self, connection: SimulatedConnection, frames: Mapping[str, str]) -> dict[str, list[str]]:
        """What the client answers to each of these frames: texts, as they were sent.

        A ping of ours stands between any two frames, since a client may well say nothing.
        """
        socket = self.tap.sockets[self.dingtalk.opened.index(connection)]
        before = len(socket.texts)
        for name, frame in frames.items():
            connection.push_frame(frame)
            ping = connection.ping(f"after {name}")
        await self.dingtalk.wait_until(lambda: ping.answered_at is not None)
        answers: dict[str, list[str]] = {name: [] for name in frames}
        names = iter(frames)
        name = next(names)
        for text in socket.texts[before:]:
            if f"after {name}" in text:
                name = next(names, "")
            else:
                answers[name].append(text)
        return answers


@asynccontextmanager
async def open_stage(
    *, rules: Rules | None = None, compression: bool = False, limit: float = LIMIT
) -> AsyncGenerator[Stage]:
    """A stage for a test, for as long as the block runs; the test fails if that is longer than the limit."""
    tap = Wiretap()
    with trio.move_on_after(limit) as patience:
        async with (
            DingTalkSimulator(network=tap, rules=rules, compression=compression) as dingtalk,
            open_background("the stage is left") as nursery,
        ):
            dingtalk.add_app(APP, SECRET)
            yield Stage(dingtalk, tap, nursery)
    if patience.cancelled_caught:
        pytest.fail(f"not done after {limit} seconds")


def _read(line: bytes) -> Line:
    with suppress(ValueError):
        fields = json.loads(line)
        if isinstance(fields, dict):
            return fields
    return {"printed": line.decode(errors="replace")}

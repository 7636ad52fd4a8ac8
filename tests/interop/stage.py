"""A simulator on loopback, and bots on the official SDKs in processes of their own.

``nox -s interop`` installs the SDKs, and says in ``TRIO_BRIDGE_NODE`` and ``TRIO_BRIDGE_NODE_MODULES`` where Node and
its packages are.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio

from tests.interop.processes import Peer, open_peer
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
        script = (sys.executable, "peer.py") if sdk == "python" else (os.environ["TRIO_BRIDGE_NODE"], "peer.mjs")
        command = [script[0], PEERS / script[1], app, secret, handlers]
        async with open_peer(self.nursery, sdk, command, {"DINGTALK_OPENAPI_ENDPOINT": self.dingtalk.url}) as peer:
            yield peer

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

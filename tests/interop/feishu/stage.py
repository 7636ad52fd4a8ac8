"""A simulated Feishu on loopback, and bots on the official SDKs in processes of their own.

``nox -s interop`` installs the SDKs, and says in ``TRIO_BRIDGE_LARK_PYTHON``, ``TRIO_BRIDGE_NODE`` and
``TRIO_BRIDGE_NODE_MODULES`` where they are.
"""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from tests.interop.processes import Peer, open_peer
from tests.interop.wiretap import Wiretap
from trio_bridge.nurseries import open_background
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.platforms.feishu.gateway.frames import DATA, decode
from trio_bridge.platforms.feishu.gateway.ledger import Pushed
from trio_bridge.platforms.feishu.gateway.model import Rules
from trio_bridge.testing.feishu import FeishuSimulator, SimulatedConnection

PEERS = Path(__file__).parent / "peers"
APP, SECRET = "cli_a1b2c3d4e5f60718", "s3cr3t"

LIMIT = 60.0
"""Seconds that a test may take: a busy machine starts processes slowly, and the Python SDK takes long to load."""


AT_ONCE = {"ReconnectCount": -1, "ReconnectInterval": 1, "ReconnectNonce": 0, "PingInterval": 1}


@attrs.define(eq=False)
class Stage:
    """A simulator that knows one app, everything that is sent to it, and the nursery of its clients."""

    feishu: FeishuSimulator
    tap: Wiretap
    nursery: trio.Nursery

    @asynccontextmanager
    async def bot(self, sdk: str, handlers: str = "full", *, secret: str = SECRET) -> AsyncGenerator[Peer]:
        """A bot with a long connection, for as long as the block runs."""
        async with self.peer(sdk, "bot", self.feishu.url, APP, secret, handlers) as peer:
            yield peer

    @asynccontextmanager
    async def peer(self, sdk: str, role: str, *arguments: str) -> AsyncGenerator[Peer]:
        """A process on an SDK, for as long as the block runs."""
        program, ending = ("TRIO_BRIDGE_LARK_PYTHON", "py") if sdk == "python" else ("TRIO_BRIDGE_NODE", "mjs")
        command = [os.environ[program], PEERS / f"{role}.{ending}", *arguments]
        async with open_peer(self.nursery, sdk, command, {}) as peer:
            yield peer

    def config(self, **tuning: Any) -> Feishu:
        """An account of ours for the same app. It takes recordings too, however old they are."""
        return self.feishu.config(app_id=APP, app_secret=SECRET, stale_after=0, **tuning)

    async def connected(self) -> SimulatedConnection:
        """The next connection that anybody opens here, as soon as something was said on it.

        What is pushed before that is lost on the SDK for Node: it does not listen yet.
        """
        connection = await self.feishu.next_connection()
        await self.feishu.wait_until(lambda: bool(connection.pings))
        return connection

    async def play(
        self, connection: SimulatedConnection, frames: Mapping[str, bytes], expected: int
    ) -> dict[str, bytes]:
        """What the client answers to these frames: bytes, as they came, by the name of the frame.

        Something is said when as many answers as expected have come: there is none behind them.
        """
        for frame in frames.values():
            connection.push_frame(frame)
        await self.feishu.wait_until(lambda: self.feishu.counts.acks.total() >= expected)
        await self.feishu.wait_acked(await self.feishu.say("the last"))
        names = {decode(frame).seq_id: name for name, frame in frames.items()}
        acks = {decode(ack).seq_id: ack for ack in self.received(DATA)}
        return {names[number]: ack for number, ack in acks.items() if number in names}

    def received(self, method: int) -> list[bytes]:
        """The frames of one method that clients have written, the oldest first."""
        lines = [line for line in self.feishu.transcript.lines if line.what == "received"]
        frames = [line.message for line in lines if isinstance(line.message, bytes)]
        return [frame for frame in frames if decode(frame).method == method]

    def verdicts(self, pushed: Pushed) -> list[str]:
        """What came of each delivery that was acknowledged."""
        return [ack.verdict for ack in self.feishu.ledger.record(pushed).acks]

    def faults(self) -> list[tuple[str, str]]:
        """The rules that clients broke."""
        return [(fault.kind, fault.detail) for fault in self.feishu.ledger.faults]


def rules_for(sdk: str, **changes: Any) -> Rules:
    """The rules, but for what the SDK for Node can't do: its numbers are floating-point numbers, and it is deaf to what
    comes together with the answer to its upgrade. Whoever lost a connection comes back at once."""
    known = {"rounded_log_ids": True, "early": False} if sdk == "node" else {}
    return Rules(**{"client_config": AT_ONCE, **known, **changes})


@asynccontextmanager
async def open_stage(rules: Rules | None = None) -> AsyncGenerator[Stage]:
    """A stage for a test, for as long as the block runs; the test fails if that is longer than the limit."""
    tap = Wiretap()
    with trio.move_on_after(LIMIT) as patience:
        async with (
            FeishuSimulator(network=tap, rules=rules) as feishu,
            open_background("the stage is left") as nursery,
        ):
            feishu.add_app(APP, SECRET)
            yield Stage(feishu, tap, nursery)
    if patience.cancelled_caught:
        pytest.fail(f"not done after {LIMIT} seconds")

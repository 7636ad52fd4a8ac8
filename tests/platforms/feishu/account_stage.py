"""A simulated Feishu in memory, and accounts of ours on it, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import trio

from trio_bridge.testing.feishu import FeishuSimulator
from trio_bridge.transport.memory import MemoryNetwork

EPOCH = 1_795_000_000.0
LONGEST = 300_000.0
"""A loop that is never ready would spin virtual time for good: this turns it into a failure."""


def wall() -> float:
    return EPOCH + trio.current_time()


@asynccontextmanager
async def simulated(**options: Any) -> AsyncIterator[FeishuSimulator]:
    """A simulator for one test."""
    options.setdefault("seed", 7)
    with trio.fail_after(LONGEST):
        async with FeishuSimulator(network=MemoryNetwork(), wall=wall, **options) as feishu:
            yield feishu


def hearing(texts: list[str], *, after: float = 0.0) -> Callable[[Any], Any]:
    """A handler that notes what it heard when it is through with it."""

    async def hear(message: Any) -> None:
        await trio.sleep(after)
        texts.append(message.text)

    return hear


def delays(feishu: FeishuSimulator) -> list[float]:
    """From each delivery that was acknowledged to its acknowledgement, in seconds."""
    taken = []
    for record in feishu.ledger.records():
        begun = {delivery.message_id: delivery.at for delivery in record.deliveries}
        taken += [ack.at - begun[ack.message_id] for ack in record.acks]
    return taken

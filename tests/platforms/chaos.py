"""What is the same wherever everything happens by chance: who handles, how an account is tuned, how it ends."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import attrs
import trio

from tests.platforms.dingtalk.stage import SlowStore
from trio_bridge.engine.bridge import Bridge
from trio_bridge.messages import Message


@attrs.define
class Moody:
    """A handler that takes its time, and fails by chance. It counts what it handled."""

    chance: random.Random
    handled: Counter[str] = attrs.Factory(Counter)

    async def handle(self, message: Message) -> str:
        await trio.sleep(self.chance.choice([0, 0.1, 3, 20]))
        if self.chance.random() < 0.1:
            raise ValueError("by chance")
        self.handled[message.id] += 1
        return f"answer to {message.text}"


def tuning_by(chance: random.Random) -> dict[str, Any]:
    return {
        "workers": chance.choice([1, 2, 8]),
        "queue_size": chance.choice([8, 256]),
        "max_attempts": 100,
        "drain_grace": chance.choice([10, 60]),
    }


def store_by(chance: random.Random) -> SlowStore:
    return SlowStore(takes=chance.choice([0.0, 0.02, 0.5]))


async def come_to_rest(bridge: Bridge, name: str) -> None:
    """Let an account run in peace: then it is well, and nothing is left to do."""
    account = bridge.account(name)
    await bridge.start(name)
    await trio.sleep(3600)
    assert account.state == "ready"
    assert account.alarms <= {"dead_letters"}, "an answer of which nobody knows whether it was sent"
    statistics = account.statistics()
    assert statistics.inbox_depth == statistics.outbox_depth == statistics.draining_generations == 0

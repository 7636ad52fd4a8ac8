"""Everything at once, by chance: whatever happens to an account, what it acknowledges it handles, and once."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence

import attrs
import pytest
import trio
from trio.testing import MockClock

from tests.platforms.chaos import Moody, come_to_rest, store_by, tuning_by
from tests.platforms.dingtalk.stage import tasks_of
from tests.platforms.feishu.account_stage import simulated
from trio_bridge.engine.bridge import Bridge
from trio_bridge.opening import open_bridge
from trio_bridge.platforms.feishu.gateway.fragments import Fragments
from trio_bridge.platforms.feishu.gateway.model import Rules
from trio_bridge.testing._peer import How
from trio_bridge.testing.feishu import FeishuSimulator, UpgradeRefusal

STEPS = 60
ENDS: Sequence[How] = ("close", "fin", "rst")
PATIENT = Rules(ladder=(15.0,) * 400, client_config={"PingInterval": 20, "ReconnectNonce": 2, "ReconnectInterval": 20})
"""A server that never gives an event up."""


@attrs.define
class Chaos:
    """What can happen, each as a method. Chance decides on the details."""

    feishu: FeishuSimulator
    bridge: Bridge
    chance: random.Random
    said: int = 0

    async def people_speak(self) -> None:
        for _ in range(self.chance.choice([1, 1, 3, 10])):
            self.said += 1
            await self.feishu.say(str(self.said), sender=f"ou_{self.chance.randrange(4):032}")

    async def people_speak_in_fragments(self) -> None:
        order = self.chance.sample(range(4), 4)
        with self.feishu.fragmenting(Fragments(parts=4, order=order, gap=self.chance.choice([0, 0.1, 5]))):
            await self.people_speak()

    async def an_event_comes_again(self) -> None:
        if records := list(self.feishu.ledger.records()):
            self.feishu.duplicate(self.chance.choice(records).pushed)

    async def the_connection_ends(self) -> None:
        self.feishu.drop_connections(self.chance.choice(ENDS), code=1001)

    async def the_connection_is_half_open(self) -> None:
        with self.feishu.half_open():
            await trio.sleep(self.chance.choice([1, 30, 70]))

    async def the_connection_is_frozen(self) -> None:
        with self.feishu.stalled():
            await trio.sleep(self.chance.choice([1, 30]))

    async def the_account_is_refused(self) -> None:
        with self.feishu.refusing(self.chance.choice([1, 1000040343, 1000040345, 1000040350])):
            await self.the_connection_ends()
            await trio.sleep(self.chance.choice([1, 30]))

    async def discovery_hangs(self) -> None:
        with self.feishu.hanging_discovery():
            await self.the_connection_ends()
            await trio.sleep(self.chance.choice([1, 30]))

    async def tickets_are_refused(self) -> None:
        self.feishu.refuse_upgrades(UpgradeRefusal(400, {"Handshake-Status": "514"}, b""))
        await self.the_connection_ends()

    async def connections_are_accepted_and_closed(self) -> None:
        with self.feishu.accept_then_close(self.chance.choice(ENDS)):
            await self.the_connection_ends()
            await trio.sleep(self.chance.choice([1, 10]))

    async def the_api_is_slow(self) -> None:
        with self.feishu.answering_late(self.chance.choice([1, 40])):
            await self.people_speak()
            await trio.sleep(self.chance.choice([1, 40]))

    async def an_operator_restarts_it(self) -> None:
        await self.bridge.restart("feishu")

    async def an_operator_stops_it_for_a_second(self) -> None:
        await self.bridge.stop("feishu", grace=self.chance.choice([0, 5]))
        await trio.sleep(1)
        assert tasks_of("feishu") == []
        await self.bridge.start("feishu")

    async def run(self) -> None:
        happenings: list[Callable[[], Awaitable[None]]] = [
            self.people_speak_in_fragments,
            self.an_event_comes_again,
            self.the_connection_ends,
            self.the_connection_is_half_open,
            self.the_connection_is_frozen,
            self.the_account_is_refused,
            self.discovery_hangs,
            self.tickets_are_refused,
            self.connections_are_accepted_and_closed,
            self.the_api_is_slow,
            self.an_operator_restarts_it,
            self.an_operator_stops_it_for_a_second,
        ]
        for _ in range(STEPS):
            await self.chance.choice([self.people_speak, self.chance.choice(happenings)])()
            await trio.sleep(self.chance.choice([0, 0, 0.01, 1, 5, 20]))


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_what_is_acknowledged_is_handled_once(seed: int, autojump_clock: MockClock) -> None:
    """And answered once: a message of the same uuid is sent once, whatever becomes of the calls."""
    chance = random.Random(seed)
    moody = Moody(chance)
    tuning = {**tuning_by(chance), "stale_after": 0}
    async with simulated(rules=PATIENT, seed=seed) as feishu:
        store = store_by(chance)
        config = feishu.config(**tuning)
        async with open_bridge([config], moody.handle, store=store, environment=feishu.environment) as bridge:
            await Chaos(feishu, bridge, chance).run()
            await come_to_rest(bridge, "feishu")
    summary = feishu.ledger.summary()
    delivered = {record.pushed.letter.message_id for record in feishu.ledger.records() if record.deliveries}
    assert summary.unacked == summary.undelivered == 0
    assert moody.handled == dict.fromkeys(delivered, 1)
    assert summary.answered_twice == summary.unmatched_replies == 0
    assert summary.answered == len(delivered)
    assert not feishu.ledger.faults

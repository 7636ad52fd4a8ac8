"""Everything at once, by chance: whatever happens to an account, what it acknowledges it handles, and once."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence

import attrs
import pytest
import trio
from trio.testing import MockClock

from tests.platforms.chaos import Moody, come_to_rest, store_by, tuning_by
from tests.platforms.dingtalk.stage import Stage, simulated, tasks_of
from trio_bridge.engine.bridge import Bridge
from trio_bridge.testing._peer import How

STEPS = 100
ENDS: Sequence[How] = ("close", "fin", "rst")


@attrs.define
class Chaos:
    """What can happen, each as a method. Chance decides on the details."""

    stage: Stage
    bridge: Bridge
    chance: random.Random
    said: int = 0

    async def people_speak(self) -> None:
        for _ in range(self.chance.choice([1, 1, 3, 10])):
            self.said += 1
            await self.stage.dingtalk.say(str(self.said), sender=f"staff{self.chance.randrange(4)}")

    async def a_message_comes_again(self) -> None:
        if records := list(self.stage.dingtalk.ledger.records()):
            self.stage.dingtalk.duplicate(self.chance.choice(records).pushed)

    async def the_end_is_announced(self) -> None:
        self.stage.dingtalk.disconnect()

    async def the_connection_ends(self) -> None:
        self.stage.dingtalk.drop_connections(self.chance.choice(ENDS))

    async def the_peer_is_deaf(self) -> None:
        with self.stage.dingtalk.deaf():
            await trio.sleep(self.chance.choice([1, 30, 70]))

    async def the_account_is_refused(self) -> None:
        with self.stage.dingtalk.refusing(self.chance.choice([401, 403, 503]), '{"code":"no"}'):
            await self.chance.choice([self.the_end_is_announced, self.the_connection_ends])()
            await trio.sleep(self.chance.choice([1, 30]))

    async def upgrades_hang(self) -> None:
        with self.stage.dingtalk.hanging_upgrades():
            await self.the_end_is_announced()
            await trio.sleep(self.chance.choice([1, 30]))

    async def connections_are_accepted_and_closed(self) -> None:
        with self.stage.dingtalk.accept_then_close(self.chance.choice(ENDS)):
            await self.the_connection_ends()
            await trio.sleep(self.chance.choice([1, 10]))

    async def the_network_is_away(self) -> None:
        with self.stage.network.refusing():
            await trio.sleep(self.chance.choice([1, 40]))

    async def an_operator_restarts_it(self) -> None:
        await self.bridge.restart("dingtalk")

    async def an_operator_stops_it_for_a_second(self) -> None:
        await self.bridge.stop("dingtalk", grace=self.chance.choice([0, 5]))
        await trio.sleep(1)
        assert tasks_of("dingtalk") == []
        await self.bridge.start("dingtalk")

    async def run(self) -> None:
        happenings: list[Callable[[], Awaitable[None]]] = [
            self.a_message_comes_again,
            self.the_end_is_announced,
            self.the_connection_ends,
            self.the_peer_is_deaf,
            self.the_account_is_refused,
            self.upgrades_hang,
            self.connections_are_accepted_and_closed,
            self.the_network_is_away,
            self.an_operator_restarts_it,
            self.an_operator_stops_it_for_a_second,
        ]
        for _ in range(STEPS):
            await self.chance.choice([self.people_speak, self.chance.choice(happenings)])()
            await trio.sleep(self.chance.choice([0, 0, 0.01, 1, 5, 20]))


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_happens_what_is_acknowledged_is_handled_once(seed: int, autojump_clock: MockClock) -> None:
    """And answered at most once; and when it is over, all is well again."""
    chance = random.Random(seed)
    moody = Moody(chance)
    tuning = tuning_by(chance)
    async with simulated(rand=chance.random) as stage:
        store = store_by(chance)
        async with stage.bridge([stage.dingtalk.config(**tuning)], moody.handle, store=store) as bridge:
            await Chaos(stage, bridge, chance).run()
            await come_to_rest(bridge, "dingtalk")
    delivered = {record.pushed.key for record in stage.dingtalk.ledger.records() if record.deliveries}
    assert stage.dingtalk.ledger.summary().unacked == 0
    assert moody.handled == dict.fromkeys(delivered, 1)
    assert len({sent.text for sent in stage.dingtalk.sent}) == len(stage.dingtalk.sent)

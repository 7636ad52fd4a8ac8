"""What happens in the demonstration: people who write all the time, and platforms that have their moods."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import cycle
from statistics import median
from typing import Any

import attrs
import trio

from ..messages import Message
from .sides import DingTalkSide, FeishuSide, Side

PEOPLE = ("mei", "lukas", "amina", "tariq", "jun", "sofia", "pavel", "ines")
SENTENCES = ("is anybody there?", "how much is it?", "where is my parcel?", "好的, 谢谢", "one more question", "👍")

PAUSE = 0.15
"""Seconds between two messages of the small talk."""
BURST = 60
BREATH = 0.8
"""Seconds after each incident, so that a person can see what it did."""
AWAY = 1.5
"""Seconds for which a whole platform is gone."""
NEARBY = BREATH
"""Seconds before and after that, in which it is as calm: with these it is compared."""
PATIENCE = 10.0
"""Seconds to wait, before and behind that, for what may never be so."""
CALM = 70.0
"""Seconds between two rounds in which connections are lost: an account that loses them more often is right to wait
longer and longer before it connects, and there would be little to see."""


@attrs.define
class Notebook:
    """The handler of the demonstration: it answers with an echo, and notes for itself how often it ran for what."""

    rand: random.Random
    runs: dict[tuple[str, str], int] = attrs.Factory(dict)

    async def answer(self, message: Message) -> str:
        """Work on it for a moment, as a handler does; then say the same."""
        await trio.sleep(self.rand.uniform(0.01, 0.1))
        key = (message.account, message.id)
        self.runs[key] = self.runs.get(key, 0) + 1
        return message.text

    @property
    def handled_twice(self) -> int:
        """Messages for which the handler ran to its end more than once."""
        return sum(runs > 1 for runs in self.runs.values())


@attrs.frozen
class Outage:
    """A platform was away: from its death until all its accounts were connected again."""

    side: Side[Any, Any]
    begun: float
    ended: float

    def covers(self, at: float) -> bool:
        """Whether the platform was away then."""
        return self.begun <= at < self.ended

    def is_near(self, at: float) -> bool:
        """Whether that was shortly before or after."""
        return not self.covers(at) and self.begun - NEARBY <= at < self.ended + NEARBY


class Play:
    """Everything that happens to the accounts, on the side of the platforms."""

    def __init__(self, dingtalk: DingTalkSide, feishu: FeishuSide, rand: random.Random) -> None:
        self.sides: tuple[Side[Any, Any], ...] = (dingtalk, feishu)
        self.story = "the accounts connect"
        """What is happening, for whoever watches."""
        self.acted = trio.Event()
        """Every incident has happened at least once."""
        self.incidents = {"bursts": 0, "duplicates": 0, "disconnects": 0, "resets": 0, "outages": 0}
        self.outages: list[Outage] = []
        self._dingtalk = dingtalk
        self._feishu = feishu
        self._rand = rand

    async def run(self) -> None:
        """Play until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._small_talk)
            while True:
                for incident in (self._duplicates, self._leaving, self._pieces, self._reset):
                    await incident()
                    await trio.sleep(BREATH)
                for side in self.sides:
                    await self._outage(side)
                    await trio.sleep(BREATH)
                self.acted.set()
                with trio.move_on_after(CALM):
                    await self._calm()

    async def settle(self) -> None:
        """Return when every message has arrived, and was acknowledged and answered."""
        self.story = "nobody says anything any more; the last answers leave"
        for side in self.sides:
            await side.simulator.wait_until(lambda side=side: side.is_settled)  # type: ignore[misc]

    def ack_delay(self, side: Side[Any, Any], *, meanwhile: bool) -> float | None:
        """In how many seconds half of what the side delivered was acknowledged, shortly before and after another one
        was away, or ``meanwhile``."""
        delays = list(self.ack_delays(side, meanwhile=meanwhile))
        return round(median(delays), 6) if delays else None

    def ack_delays(self, side: Side[Any, Any], *, meanwhile: bool) -> Iterator[float]:
        """The same, one by one."""
        own = [outage for outage in self.outages if outage.side is side]
        others = [outage for outage in self.outages if outage.side is not side]
        for at, delay in side.ack_delays():
            if not any(each.covers(at) for each in own) and any(
                each.covers(at) if meanwhile else each.is_near(at) for each in others
            ):
                yield delay

    async def _calm(self) -> None:
        while True:
            self.story = "people talk"
            await trio.sleep(5 * BREATH)
            await self._duplicates()
            await trio.sleep(5 * BREATH)
            await self._burst(self._dingtalk, "support")

    async def _small_talk(self) -> None:
        while True:
            sides = [side for side in self.sides if not side.hushed]
            side = self._rand.choice(sides)
            await self._say(side, self._rand.choice(side.accounts), self._rand.choice(PEOPLE))
            await trio.sleep(PAUSE)

    async def _duplicates(self) -> None:
        for side in self.sides:
            account = side.accounts[0]
            self.story = f"{account}: a message is delivered again, with another id"
            pushed = await self._say(side, account, "mei")
            await side.simulator.wait_acked(pushed)
            self.incidents["duplicates"] += side.simulator.duplicate(pushed)

    async def _leaving(self) -> None:
        await self._burst(self._dingtalk, "support", leaving=True)

    async def _pieces(self) -> None:
        with self._feishu.cutting():
            await self._burst(self._feishu, "warehouse")
            self.story += ", each in three pieces, the last one first"

    async def _burst(self, side: Side[Any, Any], account: str, *, leaving: bool = False) -> None:
        self.story = f"{account}: {BURST} messages at once"
        self.incidents["bursts"] += 1
        for number, person in zip(range(BURST), cycle(PEOPLE), strict=False):
            if leaving and number == BURST // 2:
                self.story += ", and the server leaves in the middle of them"
                self.incidents["disconnects"] += 1
                self._dingtalk.leave(account)
            await self._say(side, account, person)

    async def _reset(self) -> None:
        self.story = "warehouse: the connection is reset"
        self.incidents["resets"] += 1
        self._feishu.reset("warehouse")

    async def _outage(self, side: Side[Any, Any]) -> None:
        """Have a platform gone altogether, as if somebody had killed its process; the others don't notice."""
        self.story = f"nobody talks on {side.title} for a moment"
        side.hushed = True
        # A reply that is cut off in the middle may have been said or not. Nobody could tell, and it is not said twice.
        with trio.move_on_after(PATIENCE):
            await side.simulator.wait_until(lambda: side.is_settled)
        self.story = f"{side.title} is killed: its port is closed"
        self.incidents["outages"] += 1
        begun = trio.current_time()
        async with side.simulator.away():
            for account in side.accounts:
                await self._say(side, account, "amina")
            await trio.sleep(AWAY)
        self.story = f"{side.title} is back; what was said meanwhile is delivered"
        with trio.move_on_after(PATIENCE):
            await side.simulator.wait_until(lambda: side.is_connected)
        self.outages.append(Outage(side, begun, trio.current_time()))
        side.hushed = False

    async def _say(self, side: Side[Any, Any], account: str, person: str) -> Any:
        return await side.say(account, person, self._rand.choice(SENTENCES))

"""What happens in the demonstration: people who write all the time, and a platform that has its moods."""

from __future__ import annotations

import random
from functools import partial
from itertools import cycle

import attrs
import trio

from ..messages import Message
from ..platforms.dingtalk.gateway.ledger import Pushed
from ..platforms.dingtalk.gateway.model import Rules
from ..testing.dingtalk import DingTalkSimulator

ACCOUNTS = ("sales", "support", "warehouse")
PEOPLE = ("mei", "lukas", "amina", "tariq", "jun", "sofia", "pavel", "ines")
SENTENCES = ("is anybody there?", "how much is it?", "where is my parcel?", "好的, 谢谢", "one more question", "👍")

RULES = Rules(redeliver_after=2.0, keep_offline=True)
"""A platform more patient than the real one, and quicker: what nobody acknowledged comes again after 2 s, not 60."""
PAUSE = 0.15
"""Seconds between two messages of the small talk."""
BURST = 60
BREATH = 0.8
"""Seconds after each incident, so that a person can see what it did."""
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


class Play:
    """Everything that happens to the accounts, on the side of the platform."""

    def __init__(self, dingtalk: DingTalkSimulator, rand: random.Random) -> None:
        self.story = "the accounts connect"
        """What is happening, for whoever watches."""
        self.acted = trio.Event()
        """Every incident has happened at least once."""
        self.incidents = {"bursts": 0, "duplicates": 0, "disconnects": 0, "resets": 0}
        self._dingtalk = dingtalk
        self._rand = rand
        self._apps = {name: dingtalk.config(name).client_id for name in ACCOUNTS}

    async def run(self) -> None:
        """Play until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._small_talk)
            while True:
                for incident in (self._duplicate, partial(self._burst, leaving=True), self._reset):
                    await incident()
                    await trio.sleep(BREATH)
                self.acted.set()
                with trio.move_on_after(CALM):
                    await self._calm()

    async def _calm(self) -> None:
        while True:
            self.story = "people talk"
            await trio.sleep(5 * BREATH)
            await self._duplicate()
            await trio.sleep(5 * BREATH)
            await self._burst()

    async def settle(self) -> None:
        """Return when every message has arrived, and was acknowledged and answered."""
        self.story = "nobody says anything any more; the last answers leave"
        await self._dingtalk.wait_until(self._is_settled)

    def _is_settled(self) -> bool:
        summary = self._dingtalk.ledger.summary()
        return not (summary.undelivered or summary.unacked or summary.unanswered)

    async def _small_talk(self) -> None:
        while True:
            await self._say(self._rand.choice(ACCOUNTS), self._rand.choice(PEOPLE))
            await trio.sleep(PAUSE)

    async def _duplicate(self) -> None:
        self.story = "sales: a message is delivered again, with another id"
        pushed = await self._say("sales", "mei")
        await self._dingtalk.wait_acked(pushed)
        self.incidents["duplicates"] += self._dingtalk.duplicate(pushed)

    async def _burst(self, *, leaving: bool = False) -> None:
        self.story = f"support: {BURST} messages at once"
        self.incidents["bursts"] += 1
        for number, person in zip(range(BURST), cycle(PEOPLE), strict=False):
            if leaving and number == BURST // 2:
                self.story += ", and the server leaves in the middle of them"
                self.incidents["disconnects"] += 1
                self._dingtalk.disconnect(client_id=self._apps["support"])
            await self._say("support", person)

    async def _reset(self) -> None:
        self.story = "warehouse: the connection is reset"
        self.incidents["resets"] += 1
        self._dingtalk.drop_connections("rst", client_id=self._apps["warehouse"])

    async def _say(self, account: str, person: str) -> Pushed:
        return await self._dingtalk.say(self._rand.choice(SENTENCES), sender=person, client_id=self._apps[account])

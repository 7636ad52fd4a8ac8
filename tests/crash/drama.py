"""What happens to the bridge that is killed: people talk to it, and somebody chooses the moments."""

from __future__ import annotations

import random
import signal
from collections import Counter, deque
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, Literal

import attrs
import trio

from tests.crash.forks import Forks
from tests.crash.journal import Journal
from trio_bridge.platforms.dingtalk.gateway.ledger import Pushed
from trio_bridge.platforms.dingtalk.gateway.model import Rules
from trio_bridge.testing.dingtalk import DingTalkSimulator

RULES = Rules(redeliver_after=0.3, keep_offline=True)
PEOPLE = [f"staff{number:04}" for number in range(14)]
WORKERS = 10
BACKLOG = 3
"""Messages of one person that were said and are not handled: there is always work."""
RUNNING = 5
"""Handlers that run at the least when a kill counts."""

Kind = Literal["load", "drain", "rotation", "birth"]


@attrs.frozen
class Kill:
    """When the bridge is to be killed: while it works, drains or changes its connection, or as soon as it is started.

    A ``calm`` kill waits until every conversation has got on since the last one, so what was in hand then is done. Two
    that are not calm never follow each other: nothing is in hand at three of them, and none becomes a dead letter.
    """

    kind: Kind
    calm: bool


def plan(rand: random.Random, kills: int) -> Iterator[Kill]:
    """Kills of each kind, in any order, and some births between them."""
    kinds: list[Kind] = ["load", "drain", "rotation"] * (kills // 3)
    rand.shuffle(kinds)
    for number, kind in enumerate(kinds):
        born = number % 6 == 5
        if born:
            yield Kill("birth", calm=False)
        yield Kill(kind, calm=born or number % 3 != 2)


class Scene:
    """What the journal has said so far, for whoever has to choose the moment."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.got_on: set[str] = set()
        """Who had a message completed since the bridge was started."""
        self.draining = False
        self.kills: list[int] = []
        """How many handlers ran at each of them."""
        self._said: dict[str, tuple[str, int]] = {}
        self._spoken: Counter[str] = Counter()
        self._done: Counter[str] = Counter()

    def outstanding(self, person: str) -> int:
        """Messages that somebody said and that are not handled."""
        return self._spoken[person] - self._done[person]

    def say(self, person: str, pushed: Pushed) -> None:
        self._spoken[person] += 1
        self._said[pushed.key] = person, self._spoken[person]

    def hear(self, word: str, what: str) -> None:
        match word:
            case "begun":
                self.running.add(what)
            case "ended":
                self.running.discard(what)
            case "done":
                person, number = self._said[what]
                # A kill between the commit and its line in the journal leaves a gap; what comes later closes it.
                self._done[person] = max(self._done[person], number)
                self.got_on.add(person)
            case "draining":
                self.draining = True
            case "killed":
                self.kills.append(len(self.running))
                self.running.clear()
                self.got_on.clear()
                self.draining = False


@attrs.define
class Drama:
    """One bridge, one platform, and everything that happens between them."""

    rand: random.Random
    forks: Forks
    journal: Journal
    scene: Scene
    dingtalk: DingTalkSimulator
    account: dict[str, Any]
    store: Path
    unacked: dict[str, Pushed] = attrs.Factory(dict)
    recent: deque[Pushed] = attrs.Factory(lambda: deque(maxlen=100))

    async def talk(self) -> None:
        """People talk all the time, whether the bridge is there or not. Some of it the platform delivers once more."""

        def patient() -> str | None:
            return next((person for person in PEOPLE if self.scene.outstanding(person) < BACKLOG), None)

        for number in count():
            await self.journal.wait_until(lambda: patient() is not None)
            await self.say(str(patient()), "how much?" if number % 3 == 0 else "hello")
            if number % 5 == 0:
                self.dingtalk.duplicate(self.rand.choice(self.recent))

    async def say(self, person: str, text: str) -> None:
        pushed = await self.dingtalk.say(text, sender=person)
        self.scene.say(person, pushed)
        self.unacked[pushed.key] = pushed
        self.recent.append(pushed)

    async def note_acks(self) -> None:
        """Every message that the platform takes for acknowledged is in the journal too."""

        def acked() -> list[str]:
            return [key for key, pushed in self.unacked.items() if self.dingtalk.ledger.entry(pushed).settled]

        while True:
            await self.dingtalk.wait_until(lambda: bool(acked()))
            for key in acked():
                self.journal.tell("acked", key)
                del self.unacked[key]

    async def start(self) -> None:
        self.journal.tell("started", str(len(self.scene.kills)))
        await self.forks.start(
            "tests.crash.bridge:serve", store=str(self.store), pipe=str(self.journal.path), account=self.account
        )

    async def end(self) -> int:
        """Let the bridge drain, and return its exit code."""
        self.forks.signal(signal.SIGTERM)
        return await self.forks.wait()

    async def kill(self, kill: Kill) -> None:
        """Start the bridge and kill it, until it was killed as it should be."""
        while True:
            await self.start()
            await self.wait_for(kill)
            await trio.sleep(self.rand.uniform(0, 0.05 if kill.kind == "drain" else 0.12))
            self.forks.signal(signal.SIGKILL)
            killed = await self.forks.wait() == -signal.SIGKILL
            running = await self.note_kill(kill.kind)
            if kill.kind == "birth" or (killed and running >= RUNNING):
                return
            kill = attrs.evolve(kill, calm=True)

    async def note_kill(self, kind: Kind) -> int:
        """Write down a kill behind the last words of the bridge, and return how many handlers ran."""
        kills = len(self.scene.kills)
        self.journal.tell("killed", kind)
        await self.journal.wait_until(lambda: len(self.scene.kills) > kills)
        return self.scene.kills[-1]

    async def wait_for(self, kill: Kill) -> None:
        """Return when the bridge is about to do what it is to be killed at."""
        scene, journal = self.scene, self.journal
        if kill.kind == "birth":
            return
        if kill.calm:
            await journal.wait_until(lambda: scene.got_on.issuperset(PEOPLE))
        await journal.wait_until(lambda: len(scene.running) >= RUNNING + 3)
        if kill.kind == "drain":
            self.forks.signal(signal.SIGTERM)
            await journal.wait_until(lambda: scene.draining)
        elif kill.kind == "rotation":
            await self.dingtalk.wait_until(lambda: bool(self.dingtalk.connections))
            self.dingtalk.disconnect()

    async def settle(self) -> None:
        """Return when everything that was said has been handled, which nobody interrupts any more."""
        ledger = self.dingtalk.ledger
        await self.dingtalk.wait_until(lambda: not (ledger.summary().undelivered or ledger.summary().unacked))
        for person in PEOPLE:
            await self.say(person, "goodbye")
        await self.journal.wait_until(lambda: not any(map(self.scene.outstanding, PEOPLE)))

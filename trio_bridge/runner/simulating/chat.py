"""A simulated chat platform on the stage: it carries out steps, and knows what every message should have got."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Generic

import trio

from ...gateways.calls import Script as CallScript
from ...gateways.calls import Scripts
from .chat_script import (
    Away,
    ChatScript,
    Drop,
    Duplicate,
    Event,
    Expect,
    Failing,
    Say,
    Send,
    Silence,
    Wait,
)
from .holding import TOLD, beginning, hold
from .news import News, Tell
from .platforms import Unmet
from .script import Step
from .simulator import AnyPeer, AnyPushed, Record, Simulator

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"})
COUNTS = ("pushed", "acked", "answered", "redelivered", "undelivered", "unacked", "unanswered", "answered_twice")


class ChatStage(abc.ABC, Generic[AnyPushed, AnyPeer]):
    """Carries out what :mod:`.chat_script` can say. What differs between platforms is left to them."""

    listener = "the bot"

    def __init__(self, simulator: Simulator[AnyPushed, AnyPeer], script: ChatScript, tell: Tell) -> None:
        self.url = simulator.url
        self._tell = tell
        self._script = script
        self._simulator = simulator
        self._newest: list[AnyPushed] = []

    @abc.abstractmethod
    def invitation(self) -> str: ...

    async def hear(self, line: str) -> None:
        if not self._reachable():
            self._tell(News("held", "nobody is connected: it will be said to the first who is", {"text": line}))
        await self._simulator.wait_until(lambda: bool(self._reachable()))
        await self._utter(Say(say=line), line, self._client(None))

    async def play(self, step: Step, beside: trio.Nursery) -> None:
        match step:
            case Say():
                await self._say(step)
            case Send():
                await self._send(step)
            case Event():
                self._newest.append(self._event(step, self._client(step.client)))
            case Duplicate():
                self._duplicate(step)
            case Drop():
                await self._drop(step)
            case Silence():
                self._connections(step.client)
                await beside.start(self._silence, step)
            case Away():
                await beside.start(self._be_away, step)
            case Wait():
                await self._wait(step)
            case Expect():
                await self._expect(step)
            case _:
                await self._play_own(step, beside)
        await trio.lowlevel.checkpoint()

    async def settle(self) -> None:
        with trio.move_on_after(self._script.settle):
            await self._simulator.wait_until(lambda: not self._hoped_for())

    def missing(self) -> list[str]:
        ledger = self._simulator.ledger
        wrong = beginning(
            [self._story(each.pushed) for each in ledger.records() if not self._content(each)], "messages"
        )
        unmatched = ledger.summary().unmatched_replies
        if unmatched and self._script.answers == "once":
            wrong.append(f"messages from the bot that answer nothing: {unmatched}")
        wrong += self._unfinished()[:TOLD]
        return [*wrong, *(f"rule broken: {fault.kind} {fault.detail}".rstrip() for fault in ledger.faults[:TOLD])]

    def summary(self) -> Mapping[str, int]:
        summary = self._simulator.ledger.summary()
        return {name: getattr(summary, name) for name in COUNTS} | {"connections": len(self._simulator.opened)}

    # What a platform says.

    @property
    @abc.abstractmethod
    def _scripts(self) -> Scripts:
        """How calls of the API end."""

    @property
    @abc.abstractmethod
    def _keeps(self) -> bool:
        """Whether what is pushed while nobody is there waits for somebody."""

    @abc.abstractmethod
    def _story(self, pushed: AnyPushed) -> str:
        """What became of a message, in words."""

    @abc.abstractmethod
    def _unfinished(self) -> list[str]:
        """The cards of which somebody sees that more is to come, in words."""

    @abc.abstractmethod
    def _whose(self, connection: AnyPeer) -> str:
        """The client that opened it."""

    @abc.abstractmethod
    def _is_sound(self, connection: AnyPeer) -> bool:
        """Whether something said now would arrive on it."""

    def _called(self) -> list[str]:
        """Clients that are called instead of connecting."""
        return []

    @abc.abstractmethod
    async def _utter(self, step: Say, text: str, client: str) -> AnyPushed:
        """Have a person say it."""

    @abc.abstractmethod
    async def _show(self, step: Send, content: bytes, name: str, client: str) -> AnyPushed:
        """Have a person send a file; a picture if it has no name."""

    @abc.abstractmethod
    def _event(self, step: Event, client: str) -> AnyPushed: ...

    @abc.abstractmethod
    def _end(self, step: Drop) -> None:
        """End connections."""

    @abc.abstractmethod
    def _deaf(self, client: str | None) -> AbstractContextManager[None]:
        """Within the block connections are half open."""

    @abc.abstractmethod
    async def _play_own(self, step: Step, beside: trio.Nursery) -> None:
        """Carry out what only this platform has."""

    # What a message should get.

    def _content(self, record: Record[AnyPushed]) -> bool:
        """Whether a message has got what it should: no less, and no more."""
        return record.settled and self._answered(record) and not (self._once(record) and len(record.replies) > 1)

    def _answered(self, record: Record[AnyPushed]) -> bool:
        return bool(record.replies) or self._script.answers == "any" or not record.pushed.letter.wants_answer

    def _once(self, record: Record[AnyPushed]) -> bool:
        return self._script.answers == "once" and record.pushed.letter.wants_answer

    def _hoped_for(self) -> int:
        """How much may still come. Counted, not looked through: it is asked for whenever something happens."""
        summary = self._simulator.ledger.summary()
        kept = summary.undelivered if self._keeps else 0
        moving = len(self._unfinished())
        return kept + moving + summary.unacked + (0 if self._script.answers == "any" else summary.unanswered)

    # Steps that are more than a call.

    async def _say(self, step: Say) -> None:
        for number in range(1, step.times + 1):
            if number > 1:
                await trio.sleep(step.every)
            text = step.say.replace("{n}", str(number))
            self._newest.append(await self._utter(step, text, self._client(step.client)))

    async def _send(self, step: Send) -> None:
        try:
            content = await self._simulator.environment.disk(step.send.read_bytes)
        except OSError as error:
            raise Unmet(f"{step.send}: {error.strerror}") from None
        name = "" if step.send.suffix.lower() in PICTURES else step.send.name
        self._newest.append(await self._show(step, content, name, self._client(step.client)))

    def _duplicate(self, step: Duplicate) -> None:
        if not self._newest:
            raise Unmet("nothing was said before")
        if not all(self._simulator.duplicate(pushed) for pushed in self._newest[-step.duplicate :]):
            raise Unmet("nobody is there to take it")

    async def _drop(self, step: Drop) -> None:
        """The next step finds them gone."""
        before = self._connections(step.client)
        self._end(step)
        await self._simulator.wait_until(lambda: not any(each.live for each in before))

    async def _silence(self, step: Silence, *, task_status: trio.TaskStatus[None]) -> None:
        with self._deaf(step.client):
            task_status.started()
            await trio.sleep(step.silence)

    async def _be_away(self, step: Away, *, task_status: trio.TaskStatus[None]) -> None:
        async with self._simulator.away():
            task_status.started()
            await trio.sleep(step.away)

    async def _fail(self, step: Failing, path: str, script: CallScript, *, task_status: trio.TaskStatus[None]) -> None:
        """Have the calls of this path end like this: the next ones, or for some seconds."""
        if step.lasting is None:
            self._scripts.add(path, script, times=step.times)
            task_status.started()
            return
        with self._scripts.standing(path, script):
            task_status.started()
            await trio.sleep(step.lasting)

    async def _wait(self, step: Wait) -> None:
        summary = self._simulator.ledger.summary
        holds: Mapping[str, Callable[[], bool]] = {
            "connected": lambda: any(step.client in (None, each) for each in self._reachable()),
            "acked": lambda: not (summary().undelivered or summary().unacked),
            "answered": lambda: not (summary().undelivered or summary().unacked or summary().unanswered),
        }
        await self._hold(holds[step.wait], step.within)

    async def _expect(self, step: Expect) -> None:
        if not self._newest:
            raise Unmet("nothing was said before")
        newest = self._newest[-1]

        def holds() -> bool:
            return any(step.expect in reply.text for reply in self._simulator.ledger.record(newest).replies)

        await self._hold(holds, step.within)

    async def _hold(self, holds: Callable[[], bool], within: float) -> None:
        await hold(self._simulator.wait_until, holds, within, self._reasons())

    def _reasons(self) -> Iterator[str]:
        if not self._reachable():
            yield "nobody is connected"
        for record in self._simulator.ledger.records():
            if not record.settled or (record.pushed.letter.wants_answer and not record.replies):
                yield self._story(record.pushed)
        if self._newest:
            for reply in self._simulator.ledger.record(self._newest[-1]).replies:
                yield f"the answer was {reply.text!r}"

    # Who is there.

    def _connections(self, client: str | None) -> list[AnyPeer]:
        """What there is to break. A script that breaks nothing tests nothing."""
        found = [each for each in self._simulator.connections if client in (None, self._whose(each))]
        if not found:
            raise Unmet("nobody is connected")
        return found

    def _reachable(self) -> list[str]:
        """The clients that something said now would reach, whoever came last behind the others."""
        sound = [self._whose(each) for each in self._simulator.connections if self._is_sound(each)]
        return [*self._called(), *sound]

    def _client(self, wanted: str | None) -> str:
        """Whom a message is for: the client that is named, or the one that connected last."""
        seen = [*self._called(), *(self._whose(each) for each in self._simulator.opened)]
        if wanted is not None:
            if wanted not in seen:
                raise Unmet(f"no client {wanted} has connected yet")
            return wanted
        last = self._reachable() or seen
        if not last:
            raise Unmet('nobody has connected yet: wait = "connected" waits for somebody')
        return last[-1]

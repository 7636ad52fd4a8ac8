"""A simulated DingTalk on the stage: it carries out steps, and knows what every message should have got."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import islice

import attrs
import trio

from ...gateways.calls import Answer
from ...gateways.calls import Script as CallScript
from ...nurseries import open_background
from ...platforms.dingtalk.gateway.frames import encode
from ...platforms.dingtalk.gateway.ledger import MessageRecord, Pushed
from ...testing.dingtalk import DingTalkSimulator, SimulatedConnection
from ...testing.dingtalk_story import story_of
from ...testing.stories import excerpt
from ...transport.network import Network
from .dingtalk_script import (
    CALLS,
    VERBS,
    DingTalkScript,
    Disconnect,
    Drop,
    Duplicate,
    Event,
    Expect,
    Fail,
    Press,
    Push,
    Say,
    Send,
    Silence,
    Wait,
)
from .dingtalk_watch import Watcher
from .news import News, Tell
from .platforms import Simulated, Unmet
from .script import Step

TOLD = 20
"""Messages whose story is told when something is missing; the others are counted."""
REASONS = 5
"""Reasons why a step may have waited in vain: they are told in one line."""
PICTURES = frozenset({".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp"})
COUNTS = ("pushed", "acked", "answered", "redelivered", "undelivered", "unacked", "unanswered", "answered_twice")

INVITATION = """\
A DingTalk on this machine, for as long as this runs. {who}:

[accounts.simulated]
platform = "dingtalk"
client_id = {client_id}
client_secret = "{secret}"
endpoint = "{url}"
oapi_endpoint = "{url}"
"""


@asynccontextmanager
async def open_stage(script: DingTalkScript, port: int, network: Network, tell: Tell) -> AsyncGenerator[DingTalkStage]:
    """A DingTalk that does what the script says while the block runs, and tells of everything that happens."""
    rules = script.rules if script.clients else attrs.evolve(script.rules, any_credentials=True)
    async with (
        DingTalkSimulator(network=network, port=port, rules=rules, patience=math.inf) as dingtalk,
        open_background("the stage is left") as nursery,
    ):
        for client in script.clients:
            dingtalk.add_app(client.client_id, client.client_secret.read(), client.robot_code)
        nursery.start_soon(Watcher(dingtalk, tell).run)
        yield DingTalkStage(dingtalk, script, tell)


class DingTalkStage:
    """Carries out what :mod:`.dingtalk_script` can say."""

    listener = "the bot"

    def __init__(self, dingtalk: DingTalkSimulator, script: DingTalkScript, tell: Tell) -> None:
        self.url = dingtalk.url
        self._tell = tell
        self._dingtalk = dingtalk
        self._script = script
        self._newest: list[Pushed] = []

    def invitation(self) -> str:
        named = self._script.clients
        return INVITATION.format(
            who="It lets in whom its script names" if named else "Any credentials will do",
            client_id=encode(named[0].client_id if named else "dingsimulated"),
            secret="the one that the script names" if named else "anything",
            url=self.url,
        )

    async def hear(self, line: str) -> None:
        if not self._sound(None):
            self._tell(News("held", "nobody is connected: it will be said to the first who is", {"text": line}))
        await self._dingtalk.wait_until(lambda: bool(self._sound(None)))
        await self._dingtalk.say(line, client_id=self._client(None))

    async def play(self, step: Step, beside: trio.Nursery) -> None:
        dingtalk = self._dingtalk
        match step:
            case Say():
                await self._say(step)
            case Send():
                await self._send(step)
            case Push():
                self._newest.append(dingtalk.push(step.push, topic=step.topic, client_id=self._client(step.client)))
            case Event():
                self._newest.append(dingtalk.event(step.event, step.data, client_id=self._client(step.client)))
            case Press():
                await self._press(step)
            case Duplicate():
                self._duplicate(step)
            case Disconnect():
                self._connections(step.client)
                dingtalk.disconnect(step.disconnect, client_id=step.client)
            case Drop():
                await self._drop(step)
            case Silence():
                self._connections(step.client)
                await beside.start(self._silence, step)
            case Fail():
                await beside.start(self._fail, step)
            case Wait():
                await self._wait(step)
            case Expect():
                await self._expect(step)
            case _:
                raise AssertionError(f"a verb without an act: {step!r}")  # pragma: no cover
        await trio.lowlevel.checkpoint()

    async def settle(self) -> None:
        with trio.move_on_after(self._script.settle):
            await self._dingtalk.wait_until(lambda: not self._hoped_for())

    def missing(self) -> list[str]:
        ledger = self._dingtalk.ledger
        wrong = [story_of(record) for record in ledger.records() if not self._content(record)]
        if len(wrong) > TOLD:
            wrong[TOLD:] = [f"{len(wrong) - TOLD} messages more"]
        unmatched = ledger.summary().unmatched_replies
        if unmatched and self._script.answers == "once":
            wrong.append(f"messages from the bot that answer nothing: {unmatched}")
        wrong += [
            f"the card {card.out_track_id} never came to its end: {excerpt(card.text)!r}"
            for card in self._dingtalk.rest.cards.unfinished[:TOLD]
        ]
        return [*wrong, *(f"rule broken: {fault.kind} {fault.detail}".rstrip() for fault in ledger.faults[:TOLD])]

    def summary(self) -> Mapping[str, int]:
        summary = self._dingtalk.ledger.summary()
        return {name: getattr(summary, name) for name in COUNTS} | {"connections": len(self._dingtalk.opened)}

    # What a message should get.

    def _content(self, record: MessageRecord) -> bool:
        """Whether a message has got what it should: no less, and no more."""
        return record.settled and self._answered(record) and not (self._once(record) and len(record.replies) > 1)

    def _answered(self, record: MessageRecord) -> bool:
        return bool(record.replies) or self._script.answers == "any" or not record.pushed.letter.wants_answer

    def _once(self, record: MessageRecord) -> bool:
        return self._script.answers == "once" and record.pushed.letter.wants_answer

    def _hoped_for(self) -> int:
        """How much may still come. Counted, not looked through: it is asked for whenever something happens."""
        summary = self._dingtalk.ledger.summary()
        kept = summary.undelivered if self._dingtalk.rules.keep_offline else 0
        moving = len(self._dingtalk.rest.cards.unfinished)
        return kept + moving + summary.unacked + (0 if self._script.answers == "any" else summary.unanswered)

    # Steps that are more than a call.

    async def _say(self, step: Say) -> None:
        for number in range(1, step.times + 1):
            if number > 1:
                await trio.sleep(step.every)
            pushed = await self._dingtalk.say(
                step.say.replace("{n}", str(number)),
                sender=step.sender,
                conversation=step.conversation,
                mention=step.mention,
                client_id=self._client(step.client),
                changes=step.fields,
            )
            self._newest.append(pushed)

    async def _send(self, step: Send) -> None:
        try:
            content = await self._dingtalk.environment.disk(step.send.read_bytes)
        except OSError as error:
            raise Unmet(f"{step.send}: {error.strerror}") from None
        pushed = await self._dingtalk.send_file(
            content,
            "" if step.send.suffix.lower() in PICTURES else step.send.name,
            sender=step.sender,
            conversation=step.conversation,
            client_id=self._client(step.client),
        )
        self._newest.append(pushed)

    async def _press(self, step: Press) -> None:
        cards = [card for card in self._dingtalk.cards if card.shown and card.streams]
        if not cards:
            raise Unmet("nobody was shown a card with buttons")
        with trio.move_on_after(step.within) as patience:
            press = await self._dingtalk.press(cards[-1], step.press, params=step.params, user=step.user)
            facts = {"card": cards[-1].out_track_id, "code": press.code, "response": press.response}
            late = "" if press.in_time else ", too late to change the card"
            self._tell(News("pressed", f"the button {step.press} was answered with {press.code}{late}", facts))
        if patience.cancelled_caught:
            raise Unmet(f"not within {step.within:g} s")

    def _duplicate(self, step: Duplicate) -> None:
        if not self._newest:
            raise Unmet("nothing was said before")
        if not all(self._dingtalk.duplicate(pushed) for pushed in self._newest[-step.duplicate :]):
            raise Unmet("nobody is there to take it")

    async def _drop(self, step: Drop) -> None:
        """The next step finds them gone."""
        before = self._connections(step.client)
        self._dingtalk.drop_connections(step.drop, code=step.code, reason=step.reason, client_id=step.client)
        await self._dingtalk.wait_until(lambda: not any(each.live for each in before))

    async def _silence(self, step: Silence, *, task_status: trio.TaskStatus[None]) -> None:
        with self._dingtalk.deaf(client_id=step.client):
            task_status.started()
            await trio.sleep(step.silence)

    async def _fail(self, step: Fail, *, task_status: trio.TaskStatus[None]) -> None:
        scripts = self._dingtalk.rest.scripts
        script = _failure(step)
        if step.lasting is None:
            scripts.add(CALLS[step.fail], script, times=step.times)
            task_status.started()
            return
        with scripts.standing(CALLS[step.fail], script):
            task_status.started()
            await trio.sleep(step.lasting)

    async def _wait(self, step: Wait) -> None:
        summary = self._dingtalk.ledger.summary
        holds: Mapping[str, Callable[[], bool]] = {
            "connected": lambda: bool(self._sound(step.client)),
            "acked": lambda: not (summary().undelivered or summary().unacked),
            "answered": lambda: not (summary().undelivered or summary().unacked or summary().unanswered),
        }
        await self._hold(holds[step.wait], step.within)

    async def _expect(self, step: Expect) -> None:
        if not self._newest:
            raise Unmet("nothing was said before")
        newest = self._newest[-1]

        def holds() -> bool:
            return any(step.expect in reply.text for reply in self._dingtalk.ledger.record(newest).replies)

        await self._hold(holds, step.within)

    async def _hold(self, holds: Callable[[], bool], within: float) -> None:
        """Return when it holds; if that takes too long, say why it may be so."""
        with trio.move_on_after(within) as patience:
            await self._dingtalk.wait_until(holds)
        if patience.cancelled_caught:
            raise Unmet("; ".join([f"not within {within:g} s", *islice(self._reasons(), REASONS)]))

    def _reasons(self) -> Iterator[str]:
        if not self._sound(None):
            yield "nobody is connected"
        for record in self._dingtalk.ledger.records():
            if not record.settled or (record.pushed.letter.wants_answer and not record.replies):
                yield story_of(record)
        if self._newest:
            for reply in self._dingtalk.ledger.record(self._newest[-1]).replies:
                yield f"the answer was {reply.text!r}"

    # Who is there.

    def _connections(self, client_id: str | None) -> list[SimulatedConnection]:
        """What there is to break. A script that breaks nothing tests nothing."""
        found = [each for each in self._dingtalk.connections if client_id in (None, each.client_id)]
        if not found:
            raise Unmet("nobody is connected")
        return found

    def _sound(self, client_id: str | None) -> list[SimulatedConnection]:
        """Connections on which something said now would arrive."""
        return [
            each
            for each in self._dingtalk.connections
            if client_id in (None, each.client_id) and not each.state.leaving and not each.state.excused
        ]

    def _client(self, wanted: str | None) -> str:
        """Whom a message is for: the client that is named, or the one that connected last."""
        if wanted is not None:
            if wanted not in {each.client_id for each in self._dingtalk.opened}:
                raise Unmet(f"no client {wanted} has connected yet")
            return wanted
        last = self._sound(None) or self._dingtalk.opened
        if not last:
            raise Unmet('nobody has connected yet: wait = "connected" waits for somebody')
        return last[-1].client_id


def _failure(step: Fail) -> CallScript:
    if step.how != "refuse":
        return CallScript(answer=Answer(ending=step.how), carried_out=step.how == "swallow")
    if step.is_numbered:
        error = {"errcode": int(step.code), "errmsg": "refused by the script"}
    else:
        error = {"code": step.code, "message": "refused by the script"}
    return CallScript(answer=Answer(status=step.status, body=encode(error)))


SIMULATED = Simulated(script=DingTalkScript, verbs=VERBS, open=open_stage)

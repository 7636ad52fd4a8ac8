"""A simulated DingTalk on the stage: it carries out steps, and knows what every message should have got."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, asynccontextmanager

import attrs
import trio

from ...gateways.calls import Answer, Scripts
from ...gateways.calls import Script as CallScript
from ...nurseries import open_background
from ...platforms.dingtalk.gateway.frames import encode
from ...platforms.dingtalk.gateway.ledger import Pushed
from ...testing.dingtalk import DingTalkSimulator, SimulatedConnection
from ...testing.dingtalk_story import story_of
from ...testing.stories import excerpt
from ...transport.network import Network
from .chat import ChatStage
from .chat_script import Drop, Event, Say, Send
from .dingtalk_script import CALLS, VERBS, DingTalkScript, Disconnect, Fail, Press, Push
from .dingtalk_watch import Watcher
from .news import News, Tell
from .platforms import Simulated, Unmet
from .script import Step

SOMEBODY = "staff0001"
"""Who speaks where a script names nobody."""

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


class DingTalkStage(ChatStage[Pushed, SimulatedConnection]):
    """Carries out what :mod:`.dingtalk_script` can say."""

    def __init__(self, dingtalk: DingTalkSimulator, script: DingTalkScript, tell: Tell) -> None:
        super().__init__(dingtalk, script, tell)
        self._dingtalk = dingtalk
        self._clients = script.clients

    def invitation(self) -> str:
        named = self._clients
        return INVITATION.format(
            who="It lets in whom its script names" if named else "Any credentials will do",
            client_id=encode(named[0].client_id if named else "dingsimulated"),
            secret="the one that the script names" if named else "anything",
            url=self.url,
        )

    @property
    def _scripts(self) -> Scripts:
        return self._dingtalk.rest.scripts

    @property
    def _keeps(self) -> bool:
        return self._dingtalk.rules.keep_offline

    def _story(self, pushed: Pushed) -> str:
        return story_of(self._dingtalk.ledger.record(pushed))

    def _unfinished(self) -> list[str]:
        return [
            f"the card {card.out_track_id} never came to its end: {excerpt(card.text)!r}"
            for card in self._dingtalk.rest.cards.unfinished
        ]

    def _whose(self, connection: SimulatedConnection) -> str:
        return connection.client_id

    def _is_sound(self, connection: SimulatedConnection) -> bool:
        return not connection.state.leaving and not connection.state.excused

    async def _utter(self, step: Say, text: str, client: str) -> Pushed:
        return await self._dingtalk.say(
            text,
            sender=step.sender or SOMEBODY,
            conversation=step.conversation,
            mention=step.mention,
            client_id=client,
            changes=step.fields,
        )

    async def _show(self, step: Send, content: bytes, name: str, client: str) -> Pushed:
        return await self._dingtalk.send_file(
            content, name, sender=step.sender or SOMEBODY, conversation=step.conversation, client_id=client
        )

    def _event(self, step: Event, client: str) -> Pushed:
        return self._dingtalk.event(step.event, step.data, client_id=client)

    def _end(self, step: Drop) -> None:
        self._dingtalk.drop_connections(step.drop, code=step.code, reason=step.reason, client_id=step.client)

    def _deaf(self, client: str | None) -> AbstractContextManager[None]:
        return self._dingtalk.deaf(client_id=client)

    async def _play_own(self, step: Step, beside: trio.Nursery) -> None:
        match step:
            case Push():
                client = self._client(step.client)
                self._newest.append(self._dingtalk.push(step.push, topic=step.topic, client_id=client))
            case Fail():
                await beside.start(self._fail, step, CALLS[step.fail], _failure(step))
            case Press():
                await self._press(step)
            case Disconnect():
                self._connections(step.client)
                self._dingtalk.disconnect(step.disconnect, client_id=step.client)
            case _:
                raise AssertionError(f"a verb without an act: {step!r}")  # pragma: no cover

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


def _failure(step: Fail) -> CallScript:
    if step.how != "refuse":
        return CallScript(answer=Answer(ending=step.how), carried_out=step.how == "swallow")
    if step.is_numbered:
        error = {"errcode": int(step.code), "errmsg": "refused by the script"}
    else:
        error = {"code": step.code, "message": "refused by the script"}
    return CallScript(answer=Answer(status=step.status, body=encode(error)))


SIMULATED = Simulated(script=DingTalkScript, verbs=VERBS, open=open_stage)

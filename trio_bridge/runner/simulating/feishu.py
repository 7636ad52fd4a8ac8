"""A simulated Feishu on the stage: over long connections, or calling the webhooks that its script names."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack, asynccontextmanager
from urllib.parse import urlsplit

import attrs
import trio

from ...config import Secret
from ...gateways.calls import Answer, Scripts
from ...gateways.calls import Script as CallScript
from ...nurseries import open_background
from ...platforms.feishu.gateway.fragments import Fragments
from ...platforms.feishu.gateway.ledger import Pushed
from ...platforms.feishu.gateway.letters import encode
from ...platforms.feishu.gateway.rest import refused
from ...testing.feishu import FeishuSimulator, SimulatedConnection, SimulatedWebhook
from ...testing.feishu_story import story_of
from ...testing.stories import excerpt
from ...transport.network import Network
from .chat import ChatStage
from .chat_script import Drop, Event, Say, Send
from .feishu_script import CALLS, VERBS, Client, Fail, FeishuScript, Fragment, Press, Push
from .feishu_watch import Watcher
from .news import News, Tell
from .platforms import Simulated, Unmet
from .script import Step

SOMEBODY = "ou_somebody"
"""Who speaks where a script names nobody."""
ASK_AGAIN = 0.5
"""Seconds between two challenges to a webhook that has not given one back yet."""
CHALLENGE = "is anybody there?"

INVITATION = """\
A Feishu on this machine, for as long as this runs. {who}:

[accounts.simulated]
platform = "feishu"
app_id = {app_id}
app_secret = "{secret}"
domain = "{url}"
{called}"""
CALLED = """\
mode = "webhook"
listen = "{listen}"
path = "{path}"
verification_token = "{named}"
{key}
"""
UNCALLED = """
Who wants to be called instead has a script name the app and its webhook.
"""
NAMED = "the one that the script names"


@asynccontextmanager
async def open_stage(script: FeishuScript, port: int, network: Network, tell: Tell) -> AsyncGenerator[FeishuStage]:
    """A Feishu that does what the script says while the block runs, and tells of everything that happens."""
    rules = script.rules if script.clients else attrs.evolve(script.rules, any_credentials=True)
    async with (
        FeishuSimulator(network=network, port=port, rules=rules, patience=math.inf) as feishu,
        open_background("the stage is left") as nursery,
    ):
        stage = FeishuStage(feishu, script, tell)
        for client in script.clients:
            feishu.add_app(client.app_id, client.app_secret.read())
            if client.webhook:
                nursery.start_soon(stage.call, client)
        nursery.start_soon(Watcher(feishu, tell).run)
        yield stage


class FeishuStage(ChatStage[Pushed, SimulatedConnection]):
    """Carries out what :mod:`.feishu_script` can say."""

    def __init__(self, feishu: FeishuSimulator, script: FeishuScript, tell: Tell) -> None:
        super().__init__(feishu, script, tell)
        self._feishu = feishu
        self._clients = script.clients
        self._callable: list[str] = []
        """The apps whose webhooks have given a challenge back."""
        self._cutting = ExitStack()

    def invitation(self) -> str:
        named = self._clients
        return INVITATION.format(
            who="It lets in whom its script names" if named else "Any credentials will do",
            app_id=encode(named[0].app_id if named else "cli_simulated"),
            secret=NAMED if named else "anything",
            url=self.url,
            called=_called_at(named[0]) if named and named[0].webhook else "" if named else UNCALLED,
        )

    async def call(self, client: Client) -> None:
        """Call the webhook of an app for its events, until cancelled; first it has to give a challenge back."""
        await self._challenge(client)
        self._callable.append(client.app_id)
        words = f"{client.app_id} is called from now on, at {client.webhook}"
        self._tell(News("connected", words, {"app_id": client.app_id, "webhook": client.webhook}))
        async with self._webhook(client):
            await trio.sleep_forever()

    async def _challenge(self, client: Client) -> None:
        """Return when the webhook has given a challenge back. What answers otherwise is told of."""
        said = 0
        async with self._webhook(client) as webhook:
            while (reply := await webhook.verify(CHALLENGE)).json() != {"challenge": CHALLENGE}:
                if reply.status not in (0, said):
                    words = f"{client.webhook} answered a challenge with {reply.status}"
                    self._tell(News("refused", words, {"app_id": client.app_id, "status": reply.status}))
                said = reply.status
                await trio.sleep(ASK_AGAIN)

    def _webhook(self, client: Client) -> AbstractAsyncContextManager[SimulatedWebhook]:
        return self._feishu.webhook(
            client.webhook,
            app_id=client.app_id,
            encrypt_key=_read(client.encrypt_key),
            verification_token=_read(client.verification_token),
        )

    @property
    def _scripts(self) -> Scripts:
        return self._feishu.rest.scripts

    @property
    def _keeps(self) -> bool:
        return self._feishu.rules.keep

    def _story(self, pushed: Pushed) -> str:
        return story_of(self._feishu.ledger.record(pushed))

    def _unfinished(self) -> list[str]:
        return [
            f"the card {card.id} never came to its end: {excerpt(card.text)!r}"
            for card in self._feishu.rest.cards.unfinished
        ]

    def _whose(self, connection: SimulatedConnection) -> str:
        return connection.app_id

    def _is_sound(self, connection: SimulatedConnection) -> bool:
        return connection.hears

    def _called(self) -> list[str]:
        return self._callable

    async def _utter(self, step: Say, text: str, client: str) -> Pushed:
        return await self._feishu.say(
            text,
            sender=step.sender or SOMEBODY,
            conversation=step.conversation,
            mention=step.mention,
            app_id=client,
            changes=step.fields,
        )

    async def _show(self, step: Send, content: bytes, name: str, client: str) -> Pushed:
        return await self._feishu.send_file(
            content, name, sender=step.sender or SOMEBODY, conversation=step.conversation, app_id=client
        )

    def _event(self, step: Event, client: str) -> Pushed:
        return self._feishu.event(step.event, step.data, app_id=client)

    def _end(self, step: Drop) -> None:
        self._feishu.drop_connections(step.drop, code=step.code, reason=step.reason, app_id=step.client)

    def _deaf(self, client: str | None) -> AbstractContextManager[None]:
        return self._feishu.half_open(app_id=client)

    async def _play_own(self, step: Step, beside: trio.Nursery) -> None:
        match step:
            case Push():
                self._newest.append(self._feishu.push(step.push, app_id=self._client(step.client)))
            case Press():
                await self._press(step)
            case Fragment():
                self._cutting.close()
                cut = Fragments(parts=step.fragments, order=step.order, gap=step.gap)
                self._cutting.enter_context(self._feishu.fragmenting(cut))
            case Fail():
                await beside.start(self._fail, step, CALLS[step.fail], _failure(step))
            case _:
                raise AssertionError(f"a verb without an act: {step!r}")  # pragma: no cover

    async def _press(self, step: Press) -> None:
        cards = self._feishu.rest.cards.shown
        if not cards:
            raise Unmet("nobody was shown a card")
        card = cards[-1]
        reader = self._feishu.directory.chat(card.chat_id).person
        sender = step.sender or (self._feishu.directory.open_id(card.app_id, reader) if reader else SOMEBODY)
        with trio.move_on_after(step.within) as patience:
            callback = await self._feishu.press(
                card.message_id,
                step.press,
                sender=sender,
                conversation=None if reader else card.chat_id,
                app_id=card.app_id,
                action=step.action,
            )
            shown = f": {callback.toast}" if callback.toast else ""
            words = f"the button {encode(step.press)} was answered with {callback.code}{shown}"
            facts = {"card": card.id, "code": callback.code, "response": callback.answer}
            self._tell(News("pressed", words, facts))
        if patience.cancelled_caught:
            raise Unmet(f"not within {step.within:g} s")


def _failure(step: Fail) -> CallScript:
    if step.how != "refuse":
        return CallScript(answer=Answer(ending=step.how), carried_out=step.how == "swallow")
    return CallScript(answer=refused(step.code, "refused by the script", status=step.status, wait=step.retry_after))


def _called_at(client: Client) -> str:
    parts = urlsplit(client.webhook)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return CALLED.format(
        listen=f"{parts.hostname}:{port}",
        path=parts.path or "/",
        named=NAMED,
        key=f'encrypt_key = "{NAMED}"' if client.encrypt_key else "allow_unencrypted = true",
    )


def _read(secret: Secret | None) -> str:
    return secret.read() if secret else ""


SIMULATED = Simulated(script=FeishuScript, verbs=VERBS, open=open_stage)

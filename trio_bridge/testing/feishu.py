"""A Feishu of your own, on loopback or in memory: say something to a bot, break its connection, read the ledger.

::

    async def test_a_bot_answers():
        async with FeishuSimulator() as feishu, feishu.open_account(handler):
            assert await feishu.ask("hello") == "you said hello"
            pushed = await feishu.say("and again")
            feishu.duplicate(pushed)
            await feishu.wait_replied(pushed)
        assert feishu.ledger.summary().answered_twice == 0

It serves the call for an address, the WebSocket and the REST calls on one port, in real or in virtual time, and shares
no code with the client. What a client does wrong is not raised here: look into ``ledger.faults``.
"""

from __future__ import annotations

import random
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from ..config import Transport
from ..nurseries import open_background
from ..platforms.feishu.gateway.callbacks import Callback
from ..platforms.feishu.gateway.desk import Sent
from ..platforms.feishu.gateway.directory import Directory
from ..platforms.feishu.gateway.doorkeeper import Discovery
from ..platforms.feishu.gateway.fragments import Fragments
from ..platforms.feishu.gateway.gateway import Gateway
from ..platforms.feishu.gateway.ledger import Ledger, Pushed
from ..platforms.feishu.gateway.letters import Kind, encode, letter_of
from ..platforms.feishu.gateway.model import App, Rules
from ..platforms.feishu.gateway.rest import RestGateway
from ..platforms.feishu.gateway.transcript import Counts, Transcript
from ..transport.network import Network
from ..transport.tcp import SystemNetwork
from ._answers import Answers
from ._block import Block
from ._feishu_connection import SimulatedConnection
from ._feishu_events import Changes, Scene, Schema, enveloped, merged, message_event, press_event, text_content
from ._feishu_server import FeishuServer, UpgradeRefusal
from ._feishu_webhook import SimulatedWebhook, Webhooks
from ._world import environment_of

if TYPE_CHECKING:
    from ..agents.protocol import OpenableAgent
    from ..engine.account import Account
    from ..engine.dispatch import Handler
    from ..engine.environment import Environment
    from ..engine.store import Store
    from ..platforms.feishu.config import Feishu

__all__ = ["FeishuSimulator", "SimulatedConnection", "SimulatedWebhook", "UpgradeRefusal"]

PATIENCE = 100.0
"""Seconds after which a bot that says nothing will say nothing: an event that was lost comes again after 18 s."""
SOMEBODY = "ou_84aad35d084aa403a838cf73ee18467"
"""Who speaks, unless somebody else is named."""


class FeishuSimulator(Webhooks, Block):
    """The platform's side of Feishu, for as long as the ``async with`` block runs.

    ``rules`` are the platform's own unless you change them, but clients are told to come back and to ping within
    seconds; ``seed`` makes ids and random choices repeatable; ``wall`` is the clock behind the times that events carry;
    ``transport`` names the library that speaks WebSocket here; ``patience`` is how many seconds an answer may take.
    """

    def __init__(
        self,
        *,
        network: Network | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        rules: Rules | None = None,
        seed: int | None = None,
        wall: Callable[[], float] = time.time,
        compression: bool = False,
        transport: Transport = "websockets",
        patience: float = PATIENCE,
    ) -> None:
        self._network = network or SystemNetwork()
        self._host = host
        self._port = port
        self._rng = random.Random(seed)
        self._wall = wall
        self._gateway = Gateway(rules=rules, rng=self._rng)
        super().__init__(FeishuServer(self._gateway, compression=compression, transport=transport))
        self.patience = patience
        """Seconds that :meth:`ask` and :meth:`next_reply` wait. May be changed at any time."""
        self._answers = Answers(self._server, lambda: self.patience)
        self._shown = 0
        self.url = ""
        """Where all calls go: what an account calls ``domain``."""

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[None]:
        listener = await self._network.listen_tcp(self._host, self._port)
        place = f"{self._host}:{self._network.port_of(listener)}"
        self.url = f"http://{place}"
        self._gateway.doorkeeper.socket_url = f"ws://{place}"
        self._gateway.epoch = self._wall() - trio.current_time()
        async with open_background("the simulator is left") as nursery:
            await nursery.start(self._server.run, listener, name="feishu-simulator")
            yield

    # What happened.

    @property
    def ledger(self) -> Ledger:
        """Every event, delivery, acknowledgement, reply and fault."""
        return self._gateway.ledger

    @property
    def counts(self) -> Counts:
        """How often clients asked for an address, connected, sent a ping, acknowledged."""
        return self._gateway.counts

    @property
    def transcript(self) -> Transcript:
        """What went over the wire, frame by frame: the newest of it."""
        return self._gateway.transcript

    @property
    def rules(self) -> Rules:
        """How the platform behaves. May be changed at any time; what is scheduled already keeps its time."""
        return self._gateway.rules

    @rules.setter
    def rules(self, rules: Rules) -> None:
        self._gateway.rules = rules

    @property
    def directory(self) -> Directory:
        """Who there is: apps, people with their ids, chats."""
        return self._gateway.directory

    @property
    def rest(self) -> RestGateway:
        """The REST side: call counts, cards, files, tokens to revoke, scripts."""
        return self._server.rest

    @property
    def sent(self) -> Sequence[Sent]:
        """What clients had sent, in order: messages, replies, cards that came to their end."""
        return self.rest.sent

    @property
    def discoveries(self) -> Sequence[Discovery]:
        """The calls for an address, each with its time and the code of its answer."""
        return self._gateway.doorkeeper.discoveries

    @property
    def connections(self) -> Sequence[SimulatedConnection]:
        """The live connections, the oldest first."""
        return self._server.connections

    @property
    def opened(self) -> Sequence[SimulatedConnection]:
        """Every connection that ever was, the oldest first."""
        return self._server.opened

    # Apps.

    def add_app(self, app_id: str | None = None, app_secret: str | None = None, name: str = "") -> App:
        """Let these credentials in; made-up ones, where nothing is said. Adding an app again changes its secret."""
        app_id = app_id or f"cli_{len(self.directory.apps):016x}"
        return self.directory.add_app(app_id, app_secret or f"secret-of-{app_id}", name)

    def remove_app(self, app_id: str) -> None:
        """Let these credentials in no more. Connections live on."""
        self.directory.remove_app(app_id)

    def config(
        self, name: str = "feishu", *, app_id: str | None = None, app_secret: str | None = None, **tuning: Any
    ) -> Feishu:
        """An account at this simulator, with an app of its own unless you name one. ``tuning`` is passed on."""
        from ..platforms.feishu.config import Feishu  # whoever tests another client needs nothing of ours

        app_id = app_id or f"cli_{random.Random(name).getrandbits(64):016x}"
        app = self.directory.apps.get(app_id)
        if app is None or app_secret is not None:
            app = self.add_app(app_id, app_secret)
        return Feishu(name=name, app_id=app_id, app_secret=app.app_secret, **{"domain": self.url, **tuning})

    @property
    def environment(self) -> Environment:
        """What a bridge needs to live in the world of this simulator: its network and its clock."""
        return environment_of(self._network, self._wall, self._rng)

    @asynccontextmanager
    async def open_account(
        self, handler: Handler | OpenableAgent | None = None, *, store: str | Store = "memory:", **tuning: Any
    ) -> AsyncGenerator[Account]:
        """Run an account of ours at this simulator while the block runs. The block begins when it is connected.

        ``tuning`` changes its configuration, as for :meth:`config`.

        Raises:
          AssertionError: it was not ready within the patience.
        """
        from ..opening import open_account

        config = self.config(**tuning)
        async with open_account(config, handler, store=store, environment=self.environment) as account:
            self._answers.accounts.append(account)
            try:
                with self._answers.impatient(f"account {config.name} was not ready"):
                    await account.wait_ready()
                yield account
            finally:
                self._answers.accounts.remove(account)

    # Saying something.

    async def say(
        self,
        text: str,
        *,
        sender: str = SOMEBODY,
        conversation: str | None = None,
        mention: bool = True,
        app_id: str | None = None,
        schema: Schema = "2.0",
        changes: Changes | None = None,
    ) -> Pushed:
        """Have a person write to the bot: directly, or in the group ``conversation`` (``oc_…``).

        ``sender`` is an open id of the person, as this or another app knows it. ``changes`` are laid over the payload,
        however deep; ``None`` as a value leaves a field out. ``app_id`` may be omitted while there is one app.
        """
        scene = self._scene(sender, conversation, mention, app_id)
        content = text_content(scene, text)
        return await self._utter(scene, "text", content, changes, schema)

    async def send(
        self,
        kind: str,
        content: Mapping[str, Any] | str,
        *,
        sender: str = SOMEBODY,
        conversation: str | None = None,
        mention: bool = True,
        app_id: str | None = None,
        changes: Changes | None = None,
    ) -> Pushed:
        """Have a person send a message of another kind: ``post``, ``image``, ``location``…"""
        scene = self._scene(sender, conversation, mention, app_id)
        written = content if isinstance(content, str) else encode(content)
        return await self._utter(scene, kind, written, changes, "2.0")

    async def send_file(
        self,
        content: bytes,
        name: str = "",
        *,
        sender: str = SOMEBODY,
        conversation: str | None = None,
        app_id: str | None = None,
    ) -> Pushed:
        """Have a person send a picture to the bot, or a file if it has a ``name``."""
        key = self.rest.files.put(content, name)
        shown = {"file_key": key, "file_name": name} if name else {"image_key": key}
        kind = "file" if name else "image"
        return await self.send(kind, shown, sender=sender, conversation=conversation, app_id=app_id)

    def push(
        self,
        payload: Mapping[str, Any] | bytes,
        *,
        kind: Kind = "event",
        fragments: Fragments | None = None,
        app_id: str | None = None,
    ) -> Pushed:
        """Push any payload, to one connection of the app; ``fragments``: cut like this."""
        pushed = self._gateway.push(self._app(app_id).app_id, letter_of(payload, kind), trio.current_time(), fragments)
        self._server.flush()
        return pushed

    def event(self, event_type: str, data: Mapping[str, Any], *, app_id: str | None = None) -> Pushed:
        """Push an event of any type."""
        app = self._app(app_id)
        return self.push(enveloped(app, event_type, data, at=self._now(), rng=self._rng), app_id=app.app_id)

    async def press(
        self,
        message: str | Sent,
        value: Any = None,
        *,
        sender: str = SOMEBODY,
        conversation: str | None = None,
        app_id: str | None = None,
        action: Changes | None = None,
        changes: Changes | None = None,
    ) -> Callback:
        """Have a person press a button of the card in a message, and return what they see then.

        ``value`` is the button's own; ``action`` is laid over the rest of it: ``form_value``, ``option``, another tag.
        """
        if isinstance(message, Sent):
            conversation = conversation or message.chat_id
            app_id, message = app_id or message.app_id, message.message_id
        scene = self._scene(sender, conversation, False, app_id)
        token = self.rest.updates.issue(scene.app.app_id, message, trio.current_time())
        event = press_event(scene, value, message_id=message, token=token, rng=self._rng, action=action)
        return await self._call_back(merged(event, changes or {}), scene.app)

    async def preview(
        self, url: str, *, sender: str = SOMEBODY, conversation: str | None = None, app_id: str | None = None
    ) -> Callback:
        """Have a person write a link that the app wants to show something of, and return what they see then."""
        scene = self._scene(sender, conversation, False, app_id)
        context = {"url": url, "open_chat_id": scene.chat.id, "preview_token": f"{self._rng.getrandbits(64):x}"}
        body = {"operator": scene.who, "host": "im_message", "context": context}
        event = enveloped(scene.app, "url.preview.get", body, at=scene.at, rng=self._rng)
        return await self._call_back(event, scene.app)

    def push_frame(self, frame: bytes | str, *, app_id: str | None = None) -> Pushed | None:
        """Send a message as it is, on the newest connection. Returns the event in it, if there is one."""
        connections = self._chosen(app_id)
        if not connections:
            raise LookupError("nobody is connected")
        return connections[-1].push_frame(frame)

    def duplicate(self, pushed: Pushed) -> bool:
        """Deliver an event once more, with a new message id. False if nobody is there to take it."""
        delivered = self._gateway.push_again(pushed, trio.current_time())
        self._server.flush()
        return delivered

    # Waiting.

    async def ask(
        self,
        text: str,
        *,
        sender: str = SOMEBODY,
        conversation: str | None = None,
        mention: bool = True,
        app_id: str | None = None,
    ) -> str:
        """Have a person write to the bot as soon as it is connected, and return the text of the first answer.

        Raises:
          AssertionError: nobody connected, or there was no answer, within the patience. It tells how far the message
            came.
        """
        with self._answers.impatient("no bot connected"):
            await self.wait_until(lambda: self._is_reachable(app_id))
        pushed = await self.say(text, sender=sender, conversation=conversation, mention=mention, app_id=app_id)
        return (await self._answers.hear(lambda sent: sent.answers is pushed)).text

    async def next_reply(self) -> Sent:
        """The oldest thing that a bot said and that neither this nor :meth:`ask` has returned; waits for it.

        Raises:
          AssertionError: there was none within the patience. It tells how far every message came.
        """
        return await self._answers.hear(lambda sent: True)

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        """Return when it holds. It is looked at whenever something has happened here."""
        await self._server.wait_until(holds)

    async def next_connection(self) -> SimulatedConnection:
        """The oldest connection that this has not returned yet; waits for it."""
        await self.wait_until(lambda: len(self.opened) > self._shown)
        self._shown += 1
        return self.opened[self._shown - 1]

    async def wait_acked(self, pushed: Pushed) -> None:
        """Return when the event is settled: acknowledged with 200 in time, where it was delivered."""
        entry = self.ledger.entry(pushed)
        await self.wait_until(lambda: entry.settled)

    async def wait_replied(self, pushed: Pushed, count: int = 1) -> None:
        """Return when the message has that many replies."""
        entry = self.ledger.entry(pushed)
        await self.wait_until(lambda: len(entry.replies) >= count)

    # Inside.

    def _app(self, app_id: str | None) -> App:
        apps = self.directory.apps
        if app_id is None and len(apps) != 1:
            raise LookupError(f"{len(apps)} apps: say which one with app_id")
        return next(iter(apps.values())) if app_id is None else apps[app_id]

    def _now(self) -> float:
        return self._gateway.epoch + trio.current_time()

    def _scene(self, sender: str, conversation: str | None, mention: bool, app_id: str | None) -> Scene:
        app = self._app(app_id)
        person = self.directory.whoever(app.app_id, sender)
        chat = (
            self.directory.direct_chat(app.app_id, person)
            if conversation is None
            else self.directory.chat(conversation)
        )
        open_id = self.directory.open_id(app.app_id, person)
        return Scene(app=app, person=person, open_id=open_id, chat=chat, mention=mention, at=self._now())

    async def _utter(self, scene: Scene, kind: str, content: str, changes: Changes | None, schema: Schema) -> Pushed:
        event = message_event(scene, kind, content, rng=self._rng, schema=schema)
        pushed = self.push(merged(event, changes or {}), app_id=scene.app.app_id)
        await trio.lowlevel.checkpoint()
        return pushed

    async def _call_back(self, event: Mapping[str, Any], app: App) -> Callback:
        pushed = self.push(event, app_id=app.app_id)
        callback = self._gateway.deliveries.callbacks[pushed.number]
        await self.wait_until(lambda: callback.code is not None)
        return callback

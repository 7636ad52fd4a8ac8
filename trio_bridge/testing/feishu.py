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
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from ..config import Transport
from ..nurseries import open_background
from ..platforms.feishu.gateway.desk import Sent
from ..platforms.feishu.gateway.directory import Directory
from ..platforms.feishu.gateway.doorkeeper import Discovery
from ..platforms.feishu.gateway.gateway import Gateway
from ..platforms.feishu.gateway.ledger import Ledger, Pushed
from ..platforms.feishu.gateway.model import App, Rules
from ..platforms.feishu.gateway.rest import RestGateway
from ..platforms.feishu.gateway.transcript import Counts, Transcript
from ..transport.network import Network
from ..transport.tcp import SystemNetwork
from ._answers import Answers
from ._block import Block
from ._feishu_connection import SimulatedConnection
from ._feishu_people import SOMEBODY, People
from ._feishu_server import FeishuServer, UpgradeRefusal
from ._feishu_webhook import SimulatedWebhook, Webhooks
from ._home import Home

if TYPE_CHECKING:
    from ..platforms.feishu.config import Feishu

__all__ = ["FeishuSimulator", "SimulatedConnection", "SimulatedWebhook", "UpgradeRefusal"]

PATIENCE = 100.0
"""Seconds after which a bot that says nothing will say nothing: an event that was lost comes again after 18 s."""


class FeishuSimulator(People, Webhooks, Home[Sent], Block):
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
            await nursery.start(self._server.run, self._network, self._host, listener, name="feishu-simulator")
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

    # What is said beside what people say.

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

"""A DingTalk of your own, on loopback or in memory: say something to a bot, break its connection, read the ledger.

::

    async def test_a_bot_answers():
        async with DingTalkSimulator() as dingtalk, dingtalk.open_account(handler):
            assert await dingtalk.ask("hello") == "you said hello"
            pushed = await dingtalk.say("and again")
            dingtalk.duplicate(pushed)
            await dingtalk.wait_replied(pushed)
        assert dingtalk.ledger.summary().answered_twice == 0

It serves the open call, the WebSocket and the REST calls on one port, in real or in virtual time, and shares no code
with the client. What a client does wrong is not raised here: look into ``ledger.faults``.
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
from ..platforms.dingtalk.gateway.desk import Sent
from ..platforms.dingtalk.gateway.frames import EVENTS, ROBOT, Kind, letter_of
from ..platforms.dingtalk.gateway.gateway import Gateway
from ..platforms.dingtalk.gateway.ledger import Ledger, Pushed
from ..platforms.dingtalk.gateway.model import App, Rules
from ..platforms.dingtalk.gateway.rest import OpenCall, RestGateway
from ..transport.network import Network
from ..transport.tcp import SystemNetwork
from ._answers import Answers
from ._block import Block
from ._dingtalk_cards import CardTable
from ._dingtalk_connection import SimulatedConnection
from ._dingtalk_mischief import Mischief
from ._dingtalk_robot import CORPORATION, Scene, merged, new_msg_id, new_session, robot_data, stamp
from ._dingtalk_server import SOCKET_PATH, DingTalkServer
from ._home import Home

if TYPE_CHECKING:
    from ..platforms.dingtalk.config import DingTalk

__all__ = ["DingTalkSimulator", "SimulatedConnection"]

PATIENCE = 100.0
"""Seconds after which a bot that says nothing will say nothing: a message that was lost comes again after a minute."""
FLOOD_BATCH = 100
"""Messages that are pushed in one go."""
FLOOD_BACKLOG = 1000
"""Frames that may wait for a slow client before a flood pauses."""


class DingTalkSimulator(CardTable, Mischief, Home[Sent], Block):
    """The platform's side of DingTalk Stream Mode, for as long as the ``async with`` block runs.

    ``rules`` are the platform's own unless you change them; ``seed`` makes ids and random choices repeatable; ``wall``
    is the clock behind the times that messages carry; ``transport`` names the library that speaks WebSocket here;
    ``patience`` is how many seconds an answer may take.
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
        self._rest = RestGateway(self._gateway, "")
        super().__init__(DingTalkServer(self._gateway, self._rest, compression=compression, transport=transport))
        self.patience = patience
        """Seconds that :meth:`ask` and :meth:`next_reply` wait. May be changed at any time."""
        self._answers = Answers(self._server, lambda: self.patience)
        self._shown = 0
        self.url = ""
        """Base URL of both APIs: what an account calls ``endpoint`` and ``oapi_endpoint``."""

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[None]:
        listener = await self._network.listen_tcp(self._host, self._port)
        place = f"{self._host}:{self._network.port_of(listener)}"
        self.url = f"http://{place}"
        self._rest.socket_url = f"ws://{place}{SOCKET_PATH}"
        self._gateway.epoch = self._wall() - trio.current_time()
        async with open_background("the simulator is left") as nursery:
            await nursery.start(self._server.run, self._network, self._host, listener, name="dingtalk-simulator")
            yield

    # What happened.

    @property
    def ledger(self) -> Ledger:
        """Every message, delivery, acknowledgement, reply and fault."""
        return self._gateway.ledger

    @property
    def rules(self) -> Rules:
        """How the platform behaves. May be changed at any time; what is scheduled already keeps its time."""
        return self._gateway.rules

    @rules.setter
    def rules(self, rules: Rules) -> None:
        self._gateway.rules = rules

    @property
    def rest(self) -> RestGateway:
        """The REST side: call counts, recipients that get nothing, tokens and sessions to expire, scripts."""
        return self._rest

    @property
    def sent(self) -> Sequence[Sent]:
        """What clients had sent, in order: webhook replies, direct and group messages, cards that came to their end."""
        return self._rest.sent

    @property
    def open_calls(self) -> Sequence[OpenCall]:
        """The calls for a ticket, each with its time, its body and the status of its answer."""
        return self._rest.open_calls

    @property
    def connections(self) -> Sequence[SimulatedConnection]:
        """The live connections, the oldest first."""
        return self._server.connections

    @property
    def opened(self) -> Sequence[SimulatedConnection]:
        """Every connection that ever was, the oldest first."""
        return self._server.opened

    # Apps.

    def add_app(self, client_id: str, client_secret: str, robot_code: str | None = None) -> App:
        """Let these credentials in. Adding an app again changes its secret."""
        return self._gateway.add_app(client_id, client_secret, robot_code)

    def remove_app(self, client_id: str) -> None:
        """Let these credentials in no more. Connections live on."""
        self._gateway.remove_app(client_id)

    def config(
        self, name: str = "dingtalk", *, client_id: str | None = None, client_secret: str | None = None, **tuning: Any
    ) -> DingTalk:
        """An account at this simulator, with an app of its own unless you name one. ``tuning`` is passed on."""
        from ..platforms.dingtalk.config import DingTalk  # whoever tests another client needs nothing of ours

        client_id = client_id or f"dingsimulated{name}"
        app = self._gateway.apps.get(client_id)
        if app is None or client_secret is not None:
            app = self.add_app(client_id, client_secret or f"secret-of-{client_id}")
        place = {"endpoint": self.url, "oapi_endpoint": self.url}
        return DingTalk(name=name, client_id=client_id, client_secret=app.client_secret, **{**place, **tuning})

    # Saying something.

    async def say(
        self,
        text: str,
        *,
        sender: str = "staff0001",
        conversation: str | None = None,
        mention: bool = True,
        client_id: str | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Pushed:
        """Have a person write to the robot: directly, or in the group ``conversation`` (``cid…``).

        ``changes`` replaces fields of the robot data; ``None`` as a value leaves the field out. ``client_id`` may be
        omitted while there is one app.
        """
        scene = self._scene(sender, conversation, mention, client_id)
        data = robot_data(scene, text, msg_id=new_msg_id(self._rng), session=new_session(self._rng))
        pushed = self.push(merged(data, changes or {}), client_id=scene.app.client_id)
        await trio.lowlevel.checkpoint()
        return pushed

    async def send_file(
        self,
        content: bytes,
        name: str = "",
        *,
        sender: str = "staff0001",
        conversation: str | None = None,
        client_id: str | None = None,
    ) -> Pushed:
        """Have a person send a picture to the robot, or a file if it has a ``name``.

        ``rest.files`` has more: recordings, and texts with pictures in them, as ``changes`` for :meth:`say`.
        """
        changes = self.rest.files.file(content, name) if name else self.rest.files.picture(content)
        return await self.say("", sender=sender, conversation=conversation, client_id=client_id, changes=changes)

    def push(
        self,
        data: Mapping[str, Any] | str,
        *,
        topic: str = ROBOT,
        kind: Kind = "CALLBACK",
        headers: Mapping[str, str] | None = None,
        client_id: str | None = None,
    ) -> Pushed:
        """Push any data on any topic, to one connection of the app that subscribed to it."""
        letter = letter_of(data, kind=kind, topic=topic, headers=headers)
        letter.data.encode()  # what can't be written is refused here, and not in the connection's task
        pushed = self._gateway.push(self._app(client_id).client_id, letter, trio.current_time())
        self._server.flush()
        return pushed

    def event(self, event_type: str, data: Mapping[str, Any], *, client_id: str | None = None) -> Pushed:
        """Push an event of the organisation."""
        headers = {
            "eventType": event_type,
            "eventId": self._rng.randbytes(12).hex(),
            "eventCorpId": CORPORATION,
            "eventBornTime": str(int((self._gateway.epoch + trio.current_time()) * 1000)),
        }
        return self.push(data, kind="EVENT", topic=EVENTS, headers=headers, client_id=client_id)

    def push_frame(self, frame: str, *, client_id: str | None = None) -> Pushed | None:
        """Send a frame as it is, on the newest connection. Returns the message in it, if there is one."""
        connections = self._chosen(client_id)
        if not connections:
            raise LookupError("nobody is connected")
        return connections[-1].push_frame(frame)

    def duplicate(self, pushed: Pushed) -> bool:
        """Deliver a message once more, with a new message id. False if nobody is there to take it."""
        delivered = self._gateway.push_again(pushed, trio.current_time())
        self._server.flush()
        return delivered

    async def flood(
        self,
        count: int,
        *,
        rate: float | None = None,
        sender: str = "staff0001",
        conversation: str | None = None,
        client_id: str | None = None,
        words: Callable[[int], str] = "flood {}".format,
    ) -> Sequence[Pushed]:
        """Have a person write ``count`` messages: ``rate`` a second, or as fast as the client reads.

        The texts must need no escapes in JSON. Sessions last from the beginning of the flood.
        """
        scene = self._scene(sender, conversation, True, client_id)
        make, begun, all_pushed = stamp(scene, self._rng), trio.current_time(), list[Pushed]()
        while len(all_pushed) < count:
            done, now = len(all_pushed), trio.current_time()
            due = count if rate is None else max(done, int((now - begun) * rate)) + 1
            for number in range(done, min(due, count, done + FLOOD_BATCH)):
                all_pushed.append(self._gateway.push(scene.app.client_id, make(words(number)), now))
            self._server.flush()
            if rate is not None and len(all_pushed) < count:
                await trio.sleep_until(begun + len(all_pushed) / rate)
            await self.wait_until(lambda: self._backlog(scene.app.client_id) < FLOOD_BACKLOG)
        return all_pushed

    # Waiting.

    async def ask(
        self,
        text: str,
        *,
        sender: str = "staff0001",
        conversation: str | None = None,
        mention: bool = True,
        client_id: str | None = None,
    ) -> str:
        """Have a person write to the robot as soon as it is connected, and return the text of the first answer.

        Raises:
          AssertionError: nobody connected, or there was no answer, within the patience. It tells how far the message
            came.
        """
        with self._answers.impatient("no bot connected"):
            await self.wait_until(lambda: bool(self._chosen(client_id)))
        pushed = await self.say(text, sender=sender, conversation=conversation, mention=mention, client_id=client_id)
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
        """Return when the message is settled: acknowledged where it was delivered."""
        entry = self.ledger.entry(pushed)
        await self.wait_until(lambda: entry.settled)

    async def wait_replied(self, pushed: Pushed, count: int = 1) -> None:
        """Return when the message has that many replies."""
        entry = self.ledger.entry(pushed)
        await self.wait_until(lambda: len(entry.replies) >= count)

    # Inside.

    def _app(self, client_id: str | None) -> App:
        apps = self._gateway.apps
        if client_id is None and len(apps) != 1:
            raise LookupError(f"{len(apps)} apps: say which one with client_id")
        return next(iter(apps.values())) if client_id is None else apps[client_id]

    def _backlog(self, client_id: str) -> int:
        return sum(connection.waiting for connection in self._chosen(client_id))

    def _scene(self, sender: str, conversation: str | None, mention: bool, client_id: str | None) -> Scene:
        return Scene(
            app=self._app(client_id),
            base_url=self.url,
            sender=sender,
            conversation=conversation,
            mention=mention,
            at_ms=int((self._gateway.epoch + trio.current_time()) * 1000),
            session_life=self.rules.session_life,
        )

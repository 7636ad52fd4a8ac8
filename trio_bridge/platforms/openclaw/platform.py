"""An OpenClaw Gateway as the engine sees it: connect, understand, and say something in a session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

import attrs
import trio

from ...engine.findings import Finding
from ...engine.hosts import Hosts
from ...engine.platform import Connection, Outgoing, Platform, Services
from ...errors import AccountRefused, BridgeError, ConfigError, ConnectionLost, PeerClosed, PeerSilent
from ...messages import Message, MessageContext
from ...wire.protocol import Delivery
from .access.login import Login
from .api.api import OpenClawApi, api_for
from .api.cache import MessageCache
from .calls import Calls, Line
from .chat.chats import Chats
from .chat.tracker import METHOD
from .checking import AccountCheck
from .config import OpenClaw
from .delivering import delivery_of, message_of
from .events import Events
from .frames import Event
from .protocol import OpenClawProtocol
from .standing import Standing
from .subscriptions import Subscriptions

SILENT_TICKS = 2
"""A gateway that ticks and then is silent for so many intervals is gone, whatever its pongs say."""


@attrs.define(eq=False)
class OpenClawPlatform(Platform):
    """One account on a gateway."""

    sends_are_keyed: ClassVar[bool] = True

    api: OpenClawApi
    _config: OpenClaw
    _login: Login
    _calls: Calls
    _events: Events
    _chats: Chats
    _subscriptions: Subscriptions
    _standing: Standing
    _was_connected: bool = attrs.field(default=False, init=False)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        try:
            async with self._standing.attempt(self._login.connect()) as greeting:
                line = Line(greeting.hello, greeting.clock_ahead)
                protocol = OpenClawProtocol(line.settle, self._events, self._delivery)
                ending = _Ending(self._login, protocol)
                self._standing.let_in(protocol)
                self._calls.connected(line)
                if self._was_connected:
                    self._events.gap("reconnected")
                self._was_connected = True
                try:
                    yield Connection(
                        greeting.link,
                        protocol,
                        early=greeting.early,
                        requests=line,
                        meaning=ending.meaning,
                        watch=Watch(protocol, line, self._subscriptions).run,
                    )
                finally:
                    self._calls.lost(line, ending.cause)
                    self._standing.lost(ending.cause)
        except AccountRefused as refusal:
            # A person may be about to approve us: whoever waits goes on waiting.
            self._calls.refused(None if refusal.kind in ("pairing", "limited") else refusal)
            raise
        except ConfigError as error:
            self._calls.refused(AccountRefused(str(error), kind="misconfigured"))
            raise

    def message(self, delivery: Delivery, context: MessageContext | None) -> Message | None:
        return message_of(delivery, self._config, context)

    def target(self, message: Message) -> str:
        return message.conversation.id

    def target_for(self, conversation_id: str) -> str:
        return conversation_id

    async def send(self, outgoing: Outgoing) -> str | None:
        """Say it in the session, which begins a run there. Whoever wants its answer hears the event ``chat``."""
        key, reply = f"{self._config.name}:{outgoing.key}", outgoing.reply
        files = [await self._chats.read(each) for each in reply.attachments]
        question = self._chats.question(outgoing.target, reply.text, files, key)
        answer = await self._calls.request(METHOD, question)
        return key if isinstance(answer, dict) else None

    async def check(self, hosts: Hosts) -> list[Finding]:
        return await AccountCheck(self._config, self._login, hosts).run()

    def _delivery(self, event: Event) -> Delivery | None:
        return delivery_of(event, self._config.deliver, self._chats.is_ours) if self._config.deliver else None


@attrs.define(eq=False)
class _Ending:
    """Why one connection ended, as far as the gateway said."""

    _login: Login
    _protocol: OpenClawProtocol
    cause: BridgeError = attrs.field(factory=lambda: ConnectionLost("the connection to the gateway was lost"))

    def meaning(self, close: PeerClosed) -> BridgeError:
        self.cause = self._login.meaning(close, self._protocol.restart_hint)
        return self.cause


@attrs.frozen
class Watch:
    """What one connection is watched for, beside pings: ticks. And what is asked anew on each connection."""

    protocol: OpenClawProtocol
    line: Line
    subscriptions: Subscriptions

    async def run(self) -> None:
        began = trio.current_time()
        limit = SILENT_TICKS * self.line.hello.tick_interval
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.subscriptions.renew)
            while True:
                until = max(began, self.protocol.heard_at) + limit
                await trio.sleep_until(until)
                if until < max(began, self.protocol.heard_at) + limit:
                    continue
                # One that was never heard to tick may have nothing to tell us: then pings alone decide.
                if self.protocol.has_ticked:
                    raise PeerSilent(f"the gateway has not ticked for {limit:.0f} s")
                began = trio.current_time()


@asynccontextmanager
async def open_openclaw(config: OpenClaw, services: Services) -> AsyncIterator[Platform]:
    """A platform whose requests, events and device last as long as the block. It connects to nothing yet."""
    environment = services.environment
    calls, events = Calls(config.request_timeout), Events(config.event_queue_size)
    subscriptions = Subscriptions(calls, config.labels)
    chats = Chats(config, calls, events, environment.new_id, environment.wall, environment.disk)
    login, standing = Login(config, services), Standing(environment.wall)
    cache = MessageCache(config.cached_sessions, config.cached_bytes)
    api = api_for(config, calls, events, subscriptions, chats, login, standing, cache, environment.wall)
    with events.listening(cache.hear):
        try:
            yield OpenClawPlatform(api, config, login, calls, events, chats, subscriptions, standing)
        finally:
            calls.stop()
            events.stop()

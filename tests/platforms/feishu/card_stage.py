"""A Feishu in memory whose cards are watched, and accounts of ours that answer in them, in virtual time."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from random import Random
from typing import Any

import attrs
import trio

from tests.engine.fake import Fake, FakePlatform, FakeServer
from trio_bridge.bots.cards.card import Manner
from trio_bridge.bots.cards.deck import Cards
from trio_bridge.engine.account import Account
from trio_bridge.engine.environment import Environment
from trio_bridge.engine.executors import inline
from trio_bridge.engine.platform import Outgoing, Platform, Services
from trio_bridge.engine.store import Store
from trio_bridge.errors import RequestFailed
from trio_bridge.gateways.calls import Call
from trio_bridge.messages import Attachment, Message, Reply
from trio_bridge.nurseries import open_background
from trio_bridge.opening import open_account
from trio_bridge.platforms.feishu.cards.by_id import CardsById
from trio_bridge.platforms.feishu.cards.calls import CardCalls
from trio_bridge.platforms.feishu.cards.face import SCOPE, FeishuCards
from trio_bridge.platforms.feishu.cards.presses import Presses
from trio_bridge.platforms.feishu.cards.sequences import Sequences
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.platforms.feishu.gateway.card import Card
from trio_bridge.platforms.feishu.gateway.gateway import Gateway
from trio_bridge.platforms.feishu.gateway.model import Rules
from trio_bridge.platforms.feishu.gateway.rest import RestGateway
from trio_bridge.platforms.feishu.rest.limits import Limits
from trio_bridge.platforms.feishu.rest.rest import Rest
from trio_bridge.platforms.feishu.rest.tokens import TenantToken
from trio_bridge.platforms.feishu.sending.contents import Content
from trio_bridge.platforms.feishu.sending.courier import Courier
from trio_bridge.platforms.feishu.sending.messenger import Messenger
from trio_bridge.platforms.feishu.sending.targets import Target
from trio_bridge.testing._bodies import response_to
from trio_bridge.transport.http import open_http_client
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.server import HttpRequest, HttpResponse, HttpStreamResponse, serve_listener

APP_ID, SECRET = "cli_a1b2c3d4e5f60718", "s3cr3t"
BASE = "http://127.0.0.1:8080"
EPOCH = 1_790_000_000.0
CHAT = "oc_5ce6d572455d361153b7cb51da133945"


def wall() -> float:
    return EPOCH + trio.current_time()


async def no_files(file: Attachment) -> Content:
    raise RequestFailed("no files here", code="none")


class CardPlatform(FakePlatform):
    """Messages come from a server that is an object; answers go to Feishu."""

    def __init__(self, config: FeishuOf, cards: Cards, courier: Courier, by_id: CardsById) -> None:
        super().__init__(config, keyed=True)
        self.api = by_id
        self.cards = cards
        self._courier = courier

    def target(self, message: Message) -> str:
        return Target(id=message.conversation.id, group=True, sender="ou_tom").dump()

    def parts(self, reply: Reply) -> list[Reply]:
        return self._courier.parts(reply)

    def show(self, key: str, target: str, text: Callable[[], str]) -> AbstractAsyncContextManager[Callable[[], None]]:
        return self.cards.show(key, target, text)

    async def finish(self, outgoing: Outgoing) -> Reply | None:
        return await self.cards.finish(outgoing)

    def holds(self, key: str) -> float:
        return math.inf if self.cards.is_repeatable(key) else self.keys_hold

    async def settled(self, key: str) -> None:
        await self.cards.settled(key)

    async def send(self, outgoing: Outgoing) -> str | None:
        return await self._courier.send(outgoing)


@attrs.frozen(kw_only=True)
class FeishuOf(Fake):
    """An account of which only the sending is Feishu's."""

    feishu: Feishu
    keys_hold: float = 3300.0

    @asynccontextmanager
    async def open_platform(self, services: Services) -> AsyncGenerator[Platform]:
        config, network = self.feishu, services.environment.network
        async with (
            open_http_client(network=network, ca_file=None, allow_insecure=False, total=config.http_timeout) as http,
            open_background("the account stops") as nursery,
        ):
            rest = Rest(config, http, TenantToken(config, http), Limits(config.send_rate_per_chat))
            messenger = Messenger(config, rest)
            sequences = Sequences(services.environment.wall)
            calls = CardCalls(rest, sequences)
            faces = FeishuCards(
                config=config, calls=calls, messenger=messenger, sequences=sequences, wall=services.environment.wall
            )
            manner = Manner(config.stream_interval, config.card_max_updates)
            cards = Cards(faces, manner, services.store, SCOPE, nursery, self.labels)
            await cards.open()
            try:
                yield CardPlatform(self, cards, Courier(config, messenger, no_files), CardsById(faces, Presses()))
            finally:
                await cards.pause()


@attrs.define(eq=False)
class Stage:
    """Feishu's side, and what accounts at it need."""

    gateway: Gateway
    network: MemoryNetwork = attrs.Factory(MemoryNetwork)
    server: FakeServer = attrs.Factory(FakeServer)
    rest: RestGateway = attrs.Factory(lambda self: RestGateway(self.gateway), takes_self=True)
    _said: int = 0

    @asynccontextmanager
    async def account(self, handler: Any, *, store: str | Store = "memory:", **tuning: Any) -> AsyncIterator[Account]:
        """An account that is connected. ``tuning`` changes its configuration."""
        engines = {key: tuning.pop(key) for key in attrs.fields_dict(Fake) if key in tuning}
        feishu = Feishu(name="a", app_id=APP_ID, app_secret=SECRET, domain=BASE, **tuning)
        environment = Environment(network=self.network, rand=lambda: 0.5, wall=wall, disk=inline)
        config = FeishuOf(server=self.server, feishu=feishu, **engines)
        async with open_account(config, handler, store=store, environment=environment) as account:
            await account.wait_ready()
            yield account

    def say(self, text: str = "hi", chat: str = CHAT) -> str:
        """Somebody says something. Returns the key of the message."""
        self._said += 1
        key = f"m{self._said}"
        self.server.connections[-1].push(key, text, lane=chat)
        return key

    async def until(self, condition: Callable[[], object], within: float = 200.0) -> None:
        """Wait until something is so."""
        with trio.fail_after(within):
            while not condition():
                await trio.sleep(0.1)

    async def answered(self, count: int = 1) -> None:
        """Wait until so many answers rest, and nothing else comes."""
        await self.until(lambda: len(self.rest.sent) >= count)
        await trio.sleep(5)

    def pressed(self) -> str:
        """Somebody pressed the card, and was answered. Returns the token of the press."""
        token = self.rest.updates.issue(APP_ID, self.card.message_id, trio.current_time())
        self.rest.updates.presses[token].answered = True
        return token

    @property
    def cards(self) -> list[Card]:
        """The cards that people see."""
        return list(self.rest.cards.shown)

    @property
    def card(self) -> Card:
        """The only one."""
        [card] = self.cards
        return card

    @property
    def messages(self) -> list[str]:
        """What was said without a card."""
        return [sent.text for sent in self.rest.sent if not sent.card]

    async def handle(self, request: HttpRequest) -> HttpResponse | HttpStreamResponse | None:
        call = Call(
            method=request.method, path=request.path, query=request.query, headers=request.headers, body=request.body
        )
        return await response_to(self.rest.answer(call, trio.current_time()))


@asynccontextmanager
async def staged(**rules: Any) -> AsyncIterator[Stage]:
    """A stage for one test."""
    gateway = Gateway(rules=Rules(**rules), rng=Random(7), epoch=EPOCH)
    gateway.directory.add_app(APP_ID, SECRET)
    stage = Stage(gateway)
    listener = await stage.network.listen_tcp("127.0.0.1", 8080)
    with trio.fail_after(100_000):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_listener, listener, stage.handle)
            yield stage
            nursery.cancel_scope.cancel()

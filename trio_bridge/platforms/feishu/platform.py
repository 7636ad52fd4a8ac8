"""Feishu as the engine sees it: connect or be called, understand, admit, answer."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Final

import attrs
import trio

from ...bots.cards.card import Manner
from ...bots.cards.deck import Cards
from ...bots.manners import Manners
from ...config import Overlap
from ...engine.findings import Finding
from ...engine.hosts import Hosts
from ...engine.platform import CalledPlatform, Connection, Door, Outgoing, Platform, Services
from ...engine.policy import ReturnWishes
from ...errors import RequestFailed
from ...messages import Attachment, Message, MessageContext, PathLike, Reply
from ...nurseries import open_background
from ...transport.http import open_http_client
from ...wire.protocol import Delivery
from .access.discovery import Discovery
from .access.login import Login
from .access.refusals import Refusals
from .api.api import FeishuApi, api_for
from .api.health import Health
from .arriving import NOT_JSON, UNREADABLE, Arriving
from .bot import BotIdentity
from .cards.by_id import CardsById
from .cards.calls import CardCalls
from .cards.face import SCOPE, FeishuCards
from .cards.presses import Presses
from .cards.sequences import Sequences
from .checking import AccountCheck
from .client_config import Terms
from .config import Feishu
from .events.callbacks import Callbacks
from .events.message import message_of
from .events.topics import CARD_ACTION
from .gate import FeishuGate
from .media.downloads import Downloads
from .media.uploads import Uploads, open_upload_client
from .rest.limits import Limits
from .rest.rest import Rest
from .rest.standing import Standing
from .rest.tokens import TenantToken
from .sending.courier import Courier
from .sending.messenger import Messenger
from .sending.targets import address, answer_to
from .webhook.app import Webhook
from .webhook.serving import open_webhook

UUID_HOLDS: Final = 3300.0
"""Feishu knows a message by its uuid for an hour; our clock and its clock need not agree to the minute."""


@attrs.define(eq=False)
class FeishuPlatform(Platform):
    """One account on Feishu, with a connection of ours."""

    overlap: ClassVar[Overlap] = "forbidden"
    """Of two connections, each gets some of the events, by chance."""
    redelivers_unacked: ClassVar[bool] = True
    sends_are_keyed: ClassVar[bool] = True

    api: FeishuApi
    _config: Feishu
    _rest: Rest
    _discovery: Discovery
    _login: Login
    _terms: Terms
    _bot: BotIdentity
    _gate: FeishuGate
    _manners: Manners
    _callbacks: Callbacks
    _courier: Courier
    _cards: Cards
    _health: Health
    _webhook: Webhook
    _nursery: trio.Nursery
    _begun: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.notices = self._manners.notices
        self.shares_memory = self._config.shared_memory_across_conversations

    @property
    def wishes(self) -> ReturnWishes:
        return self._terms.wishes

    @property
    def step(self) -> str:
        return self._login.step

    def connect(self) -> AbstractAsyncContextManager[Connection]:
        self._begin()
        return self._login.connect()

    def open_door(self, door: Door) -> AbstractAsyncContextManager[None] | None:
        if not self._config.is_called:
            return None
        self._begin()
        return open_webhook(self._config, self._webhook, door)

    def message(self, delivery: Delivery, context: MessageContext) -> Message | None:
        return message_of(self._config, delivery, self._bot.open_id, context)

    def callback(self, delivery: Delivery) -> Callable[[], Awaitable[Any]] | None:
        if delivery.topic in (UNREADABLE, NOT_JSON):
            return _nobody_can_read_it
        if delivery.topic == CARD_ACTION:
            self._health.pressed()
        return self._callbacks.of(delivery)

    async def admits(self, message: Message) -> bool:
        return await self._gate.admits(message) and not await self._manners.heeds(message)

    async def excuse(self, message: Message) -> None:
        if await self._gate.answers(message):
            await self._manners.excuse(message)

    def target(self, message: Message) -> str:
        return answer_to(message.raw).dump()

    def target_for(self, conversation_id: str) -> str:
        return address(conversation_id).dump()

    def parts(self, reply: Reply) -> list[Reply]:
        return self._courier.parts(reply)

    def show(self, key: str, target: str, text: Callable[[], str]) -> AbstractAsyncContextManager[Callable[[], None]]:
        return self._cards.show(key, target, text)

    async def finish(self, outgoing: Outgoing) -> Reply | None:
        return await self._cards.finish(outgoing)

    def awaits(self, key: str) -> bool:
        return self._cards.is_announced(key)

    def given_up(self, messages: Collection[str]) -> None:
        self._cards.given_up(messages)

    def holds(self, key: str) -> float:
        return math.inf if self._cards.is_repeatable(key) else UUID_HOLDS

    async def settled(self, key: str) -> None:
        await self._cards.settled(key)

    async def send(self, outgoing: Outgoing) -> str | None:
        return await self._courier.send(outgoing)

    async def download(self, attachment: Attachment, to: PathLike | None) -> Path:
        return await self.api.download(attachment, to)

    async def check(self, hosts: Hosts) -> list[Finding]:
        return await AccountCheck(self._config, self._discovery, self._rest, self._webhook, hosts).run()

    def _begin(self) -> None:
        """Messages may come from now on: find out who the bot is. Whoever only tries the account asks by himself."""
        if not self._begun:
            self._begun = True
            self._nursery.start_soon(self._bot.run, name=f"{self._config.platform}:{self._config.name}/bot")


class CalledFeishuPlatform(FeishuPlatform, CalledPlatform):
    """One account that Feishu calls. It has no connection, and is ready while it can be called."""


async def _nobody_can_read_it() -> None:
    raise RequestFailed("Feishu sent something that is no event: it is kept as it came", code="unreadable")


@asynccontextmanager
async def open_feishu(config: Feishu, services: Services) -> AsyncIterator[Platform]:
    """A platform whose HTTP connections and access token last as long as the block. It connects to nothing yet."""
    environment = services.environment
    network, wall = environment.network, environment.wall
    async with (
        open_http_client(
            network=network, ca_file=config.ca_file, allow_insecure=config.allow_insecure, total=config.http_timeout
        ) as http,
        open_upload_client(config, network) as upload_http,
        open_background("the account stops") as nursery,
    ):
        standing = Standing(config.labels)
        rest = Rest(config, http, TenantToken(config, http), Limits(config.send_rate_per_chat), standing)
        bot = BotIdentity(config, rest, services.store, environment.rand)
        await bot.load()
        terms, refusals, arriving = Terms(config), Refusals(config), Arriving(config, wall)
        discovery = Discovery(config, http, refusals)
        login = Login(config, network, discovery, refusals, terms, arriving)
        uploads = Uploads(config, attrs.evolve(rest, http=upload_http), environment.disk)
        messenger = Messenger(config, rest)
        sequences, presses = Sequences(wall), Presses()
        of_feishu = FeishuCards(
            config=config, calls=CardCalls(rest, sequences), messenger=messenger, sequences=sequences, wall=wall
        )
        manner = Manner(interval=config.stream_interval, most_updates=config.card_max_updates)
        cards = Cards(of_feishu, manner, services.store, SCOPE, nursery, config.labels)
        await cards.open()
        gate = FeishuGate(config, services, lambda: bot.open_id)
        webhook, health = Webhook(config, wall, arriving, network.log), Health(config, rest, bot, wall)
        downloads = Downloads(config, rest, environment.files)
        mounted = webhook if config.is_called else None
        api = api_for(config, rest, CardsById(of_feishu, presses), gate.pairing, downloads, uploads, health, mounted)
        kind = FeishuPlatform if config.connects else CalledFeishuPlatform
        try:
            yield kind(
                api,
                config,
                rest,
                discovery,
                login,
                terms,
                bot,
                gate,
                Manners(config),
                Callbacks(config, presses, cards.owner),
                Courier(config, messenger, uploads.message),
                cards,
                health,
                webhook,
                nursery,
            )
        finally:
            await cards.pause()

"""DingTalk as the engine sees it: connect, understand, admit, answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import attrs

from ...bots.cards.card import Manner
from ...bots.cards.deck import Cards
from ...bots.gate.gate import Gate
from ...bots.manners import Manners
from ...config import Overlap
from ...engine.findings import Finding
from ...engine.hosts import Hosts
from ...engine.platform import Connection, Outgoing, Platform, Services
from ...messages import Attachment, Conversation, Message, MessageContext, PathLike, Reply, Sender
from ...nurseries import open_background
from ...transport.http import open_http_client
from ...wire.jsontext import parse
from ...wire.protocol import Delivery
from .api.api import DingTalkApi, api_for
from .callbacks.callbacks import Callbacks
from .cards.busy import BusyCards
from .cards.by_id import CardsById
from .cards.calls import CardCalls
from .cards.face import SCOPE, DingTalkCards
from .checking import AccountCheck
from .config import DingTalk
from .extract import Extracted
from .frames import EVENTS
from .login import Login
from .media.downloads import Downloads
from .media.filehosts import open_file_hosts
from .media.uploads import Uploads, open_upload_client
from .own import OwnMessages
from .rest import Rest
from .robot import Robot
from .sending import Courier
from .sessions import Sessions
from .standing import Standing
from .targets import address, answer_to
from .thinking import Thinking
from .tokens import AccessToken, OldAccessToken


@attrs.define(eq=False)
class DingTalkPlatform(Platform):
    """One account on DingTalk."""

    overlap: ClassVar[Overlap] = "concurrent"
    """After it announced its leaving, a connection gets nothing more: the next one must be there before it goes."""

    api: DingTalkApi
    _config: DingTalk
    _login: Login
    _token: AccessToken
    _gate: Gate
    _manners: Manners
    _thinking: Thinking
    _courier: Courier
    _cards: Cards
    _callbacks: Callbacks
    _busy: BusyCards = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._busy = BusyCards(self._config, self._cards, self._gate, lambda delivery: self.message(delivery, None))
        self.notices = self._manners.notices
        self.shares_memory = self._config.shared_memory_across_conversations

    @property
    def step(self) -> str:
        return self._login.step

    def connect(self) -> AbstractAsyncContextManager[Connection]:
        return self._login.connect()

    def message(self, delivery: Delivery, context: MessageContext | None) -> Message | None:
        """What a robot message says; ``None`` where it says nothing, or nothing that anybody can read."""
        if delivery.topic == EVENTS:  # Kept when somebody handled events.
            return None
        try:
            data = parse(delivery.data)
        except ValueError:
            return None
        said = Extracted(data, self._config.bot_names)
        if said.drop:
            return None
        chat_id, is_group = said.chat_id, said.is_group
        return Message(
            platform=self._config.platform,
            account=self._config.name,
            id=delivery.key,
            conversation=Conversation(chat_id, "group" if is_group else "direct", said.title),
            sender=Sender(said.sender, said.nick, said.also_known_as),
            text=said.text or (self._config.picture_prompt if said.is_pictures else ""),
            attachments=said.media,
            mentioned=not is_group or said.mentioned,
            reply_to=said.quote,
            sent_at=said.sent_at,
            system_prompt=self._config.system_prompt_in(chat_id),
            raw=data,
            context=context,
        )

    def callback(self, delivery: Delivery) -> Callable[[], Awaitable[Any]] | None:
        return self._callbacks.of(delivery)

    async def admits(self, message: Message) -> bool:
        return await self._gate.admits(message) and not await self._manners.heeds(message)

    def arrived(self, delivery: Delivery, ahead: int) -> None:
        self._busy.arrived(delivery, ahead)

    def attending(self, message: Message) -> AbstractAsyncContextManager[None] | None:
        return self._thinking.attending(message)

    async def excuse(self, message: Message) -> None:
        if await self._gate.admits(message):
            await self._manners.excuse(message)

    def target(self, message: Message) -> str:
        target = answer_to(message.raw)
        return (target.outliving() if self._config.async_mode else target).dump()

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

    async def is_repeatable(self, key: str) -> bool:
        return self._cards.is_repeatable(key)

    async def settled(self, key: str) -> None:
        await self._cards.settled(key)

    async def send(self, outgoing: Outgoing) -> str | None:
        return await self._courier.send(outgoing)

    async def download(self, attachment: Attachment, to: PathLike | None) -> Path:
        return await self.api.download(attachment, to)

    async def check(self, hosts: Hosts) -> list[Finding]:
        return await AccountCheck(self._config, self._login, self._token, hosts).run()


@asynccontextmanager
async def open_dingtalk(config: DingTalk, services: Services) -> AsyncIterator[Platform]:
    """A platform whose HTTP connections and access token last as long as the block. It connects to nothing yet."""
    network = services.environment.network
    async with (
        open_http_client(
            network=network, ca_file=config.ca_file, allow_insecure=config.allow_insecure, total=config.http_timeout
        ) as http,
        open_file_hosts(config, network, http) as file_hosts,
        open_upload_client(config, network) as upload_http,
        open_background("the account stops") as nursery,
    ):
        standing = Standing(config.labels)
        token = AccessToken(config, http, standing)
        rest = Rest(config, http, token, OldAccessToken(config, http, standing), standing)
        robot = Robot(config, rest)
        downloads = Downloads(config, rest, file_hosts, services.environment.files)
        uploads = Uploads(config, attrs.evolve(rest, http=upload_http), services.environment.disk)
        gate = Gate(config, config.labels, services, OwnMessages(config.labels).have)
        thinking = Thinking(config, rest, nursery)
        card_calls = CardCalls(config, rest)
        manner = Manner(interval=config.card_update_interval, most_updates=config.card_max_updates)
        of_dingtalk = DingTalkCards(config, card_calls)
        cards = Cards(of_dingtalk, manner, services.store, SCOPE, nursery, config.labels, thinking.unneeded)
        await cards.open()
        by_id = CardsById(card_calls, of_dingtalk, manner)
        wall = services.environment.wall
        api = api_for(config, rest, robot, downloads, uploads, gate.pairing, by_id, wall)
        courier = Courier(config, rest, http, Sessions(config), wall, robot, uploads)
        login = Login(config, http, network, standing)
        callbacks = Callbacks(config, cards.owner)
        try:
            yield DingTalkPlatform(
                api, config, login, token, gate, Manners(config), thinking, courier, cards, callbacks
            )
        finally:
            await cards.pause()

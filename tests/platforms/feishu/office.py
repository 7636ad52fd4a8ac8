"""A Feishu in memory, and one account's calls to it: files, and what ``account.api`` can do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import trio

from trio_bridge.engine.environment import Environment
from trio_bridge.engine.executors import inline
from trio_bridge.engine.files import Files
from trio_bridge.engine.pairing import Pairing
from trio_bridge.gateways.calls import Answer, Call
from trio_bridge.messages import Attachment
from trio_bridge.platforms.feishu.api.api import FeishuApi, api_for
from trio_bridge.platforms.feishu.api.health import Health
from trio_bridge.platforms.feishu.arriving import Arriving
from trio_bridge.platforms.feishu.bot import BotIdentity
from trio_bridge.platforms.feishu.cards.by_id import CardsById
from trio_bridge.platforms.feishu.cards.calls import CardCalls
from trio_bridge.platforms.feishu.cards.face import FeishuCards
from trio_bridge.platforms.feishu.cards.sequences import Sequences
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.platforms.feishu.gateway.gateway import Gateway
from trio_bridge.platforms.feishu.gateway.letters import letter_of
from trio_bridge.platforms.feishu.gateway.rest import RestGateway
from trio_bridge.platforms.feishu.media.downloads import Downloads
from trio_bridge.platforms.feishu.media.uploads import Uploads, open_upload_client
from trio_bridge.platforms.feishu.rest.limits import Limits
from trio_bridge.platforms.feishu.rest.rest import Rest
from trio_bridge.platforms.feishu.rest.tokens import TenantToken
from trio_bridge.platforms.feishu.sending.messenger import Messenger
from trio_bridge.platforms.feishu.webhook.app import Webhook
from trio_bridge.stores.memory import MemoryAccount
from trio_bridge.testing._bodies import response_to
from trio_bridge.transport.http import open_http_client
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.server import HttpRequest, HttpResponse, HttpStreamResponse, serve_listener

APP, SECRET = "cli_a1b2c3d4e5f60718", "canary-app-secret"
BASE = "http://127.0.0.1:8080"
EPOCH = 1_790_000_000.0
CHAT, PERSON = "oc_5ce6d572455d361153b7cb51da133945", "ou_84aad35d084aa403a838cf73ee18467"


def wall() -> float:
    return EPOCH + trio.current_time()


@attrs.define(eq=False)
class Office:
    """What an account calls, and everything that was heard there."""

    network: MemoryNetwork = attrs.Factory(MemoryNetwork)
    gateway: Gateway = attrs.Factory(Gateway)
    rest: RestGateway = attrs.Factory(lambda self: RestGateway(self.gateway), takes_self=True)
    heard: list[HttpRequest] = attrs.Factory(list)

    async def handle(self, request: HttpRequest) -> HttpResponse | HttpStreamResponse | None:
        self.heard.append(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(method=request.method, path=request.path, query=request.query, headers=headers, body=request.body)
        return await response_to(self.rest.answer(call, trio.current_time()))

    @property
    def calls(self) -> list[str]:
        """The calls that came, by method and path, without those for tokens."""
        paths = [f"{each.method} {each.path.removeprefix('/open-apis')}" for each in self.heard]
        return [path for path in paths if "/auth/" not in path]

    def bodies(self, path: str) -> list[Any]:
        """What the calls of a path held."""
        return [json.loads(each.body) for each in self.heard if each.path.endswith(path)]

    def received(self, kind: str, content: dict[str, Any], message_id: str = "om_1") -> str:
        """A message of a person is in the chat."""
        message = {"message_id": message_id, "chat_id": CHAT, "chat_type": "group", "message_type": kind}
        header = {"event_id": f"of-{message_id}", "event_type": "im.message.receive_v1", "app_id": APP}
        event = {
            "sender": {"sender_id": {"open_id": PERSON}, "sender_type": "user"},
            "message": {**message, "content": json.dumps(content)},
        }
        letter = letter_of({"schema": "2.0", "header": header, "event": event})
        self.gateway.push(APP, letter, trio.current_time())
        return message_id

    def shared(self, content: bytes, name: str = "") -> Attachment:
        """A file that a person sent, as our message has it."""
        key = self.rest.files.put(content, name)
        message_id = self.received(
            "file" if name else "image", {"file_key" if name else "image_key": key}, f"om_of_{key}"
        )
        source = {"message_id": message_id, "file_key": key, "type": "file" if name else "image"}
        return Attachment(kind="file" if name else "image", name=name, source=source)


@attrs.frozen
class Account:
    """One account's way to the office."""

    config: Feishu
    api: FeishuApi
    uploads: Uploads
    bot: BotIdentity
    health: Health
    rest: Rest


@asynccontextmanager
async def open_office() -> AsyncIterator[Office]:
    office = Office()
    office.gateway.directory.add_app(APP, SECRET, "Helper")
    listener = await office.network.listen_tcp("127.0.0.1", 8080)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_listener, listener, office.handle)
        yield office
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def open_account(office: Office, files: Path, **changes: Any) -> AsyncIterator[Account]:
    config = Feishu(**{"name": "hr", "app_id": APP, "app_secret": SECRET, "domain": BASE, **changes})
    environment = Environment(network=office.network, wall=wall, disk=inline, files=Files(files, inline))
    async with (
        open_http_client(network=office.network, total=config.http_timeout) as http,
        open_upload_client(config, office.network) as upload_http,
    ):
        rest = Rest(config, http, TenantToken(config, http), Limits(config.send_rate_per_chat))
        store = MemoryAccount("hr")
        bot = BotIdentity(config, rest, store)
        uploads = Uploads(config, attrs.evolve(rest, http=upload_http), environment.disk)
        health = Health(config, rest, bot, wall)
        sequences = Sequences(wall)
        cards = FeishuCards(
            config=config,
            calls=CardCalls(rest, sequences),
            messenger=Messenger(config, rest),
            sequences=sequences,
            wall=wall,
        )
        downloads = Downloads(config, rest, environment.files)
        webhook = Webhook(config, wall, Arriving(config, wall))
        api = api_for(config, rest, CardsById(cards), Pairing(store, wall), downloads, uploads, health, webhook)
        yield Account(config, api, uploads, bot, health, rest)


def refused(code: int, message: str = "no", *, status: int = 400) -> Answer:
    """What Feishu says where it says no."""
    return Answer(status=status, body=json.dumps({"code": code, "msg": message}))

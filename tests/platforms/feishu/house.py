"""The REST side of a Feishu in memory, and one account's way to it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from trio_bridge.engine.platform import Outgoing
from trio_bridge.gateways.calls import Answer, Call
from trio_bridge.messages import Attachment, Reply
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.platforms.feishu.gateway.gateway import Gateway
from trio_bridge.platforms.feishu.gateway.rest import RestGateway
from trio_bridge.platforms.feishu.rest.limits import Limits
from trio_bridge.platforms.feishu.rest.rest import Rest
from trio_bridge.platforms.feishu.rest.standing import Standing
from trio_bridge.platforms.feishu.rest.tokens import TenantToken
from trio_bridge.platforms.feishu.sending.contents import Content
from trio_bridge.platforms.feishu.sending.courier import Courier
from trio_bridge.platforms.feishu.sending.messenger import Messenger
from trio_bridge.platforms.feishu.sending.targets import Target
from trio_bridge.transport.http import open_http_client
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.server import HttpRequest, HttpResponse, serve_listener

APP, SECRET = "cli_a1b2c3d4e5f60718", "canary-app-secret"
GROUP, PERSON = "oc_group", "ou_tom"
TOKEN = "/open-apis/auth/v3/tenant_access_token/internal"
MESSAGES = "/open-apis/im/v1/messages"
REPLY = "/open-apis/im/v1/messages/{message_id}/reply"


@attrs.define(eq=False)
class House:
    """Feishu on a network in memory. Everything that it heard is kept."""

    network: MemoryNetwork = attrs.Factory(MemoryNetwork)
    gateway: Gateway = attrs.Factory(Gateway)
    heard: list[HttpRequest] = attrs.Factory(list)
    rest: RestGateway = attrs.Factory(lambda self: RestGateway(self.gateway), takes_self=True)
    url: str = ""

    async def handle(self, request: HttpRequest) -> HttpResponse | None:
        self.heard.append(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(method=request.method, path=request.path, query=request.query, headers=headers, body=request.body)
        answer = self.rest.answer(call, trio.current_time())
        if answer.ending == "hang":
            await trio.sleep_forever()
        if answer.ending == "swallow":
            return None
        assert isinstance(answer.body, str | bytes)
        body = answer.body.encode() if isinstance(answer.body, str) else answer.body
        return HttpResponse(answer.status, [("Content-Type", answer.content_type), *answer.headers.items()], body)

    @property
    def routes(self) -> list[str]:
        """The calls that came, by method and path."""
        return [f"{request.method} {request.path}" for request in self.heard]


@asynccontextmanager
async def open_house(network: MemoryNetwork | None = None, port: int = 8080) -> AsyncIterator[House]:
    house = House(network or MemoryNetwork())
    house.gateway.directory.add_app(APP, SECRET)
    listener = await house.network.listen_tcp("127.0.0.1", port)
    house.url = f"http://127.0.0.1:{port}"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_listener, listener, house.handle)
        yield house
        nursery.cancel_scope.cancel()


def config(house: House, **changes: Any) -> Feishu:
    return Feishu(**{"name": "hr", "app_id": APP, "app_secret": SECRET, "domain": house.url, **changes})


@attrs.frozen
class Account:
    """What sends for one account, put together as its platform does it."""

    config: Feishu
    rest: Rest
    messenger: Messenger
    courier: Courier
    files: list[Attachment]
    """What was handed in."""

    async def say(self, target: Target, text: str, *, key: str = "m/1", **reply: Any) -> list[str | None]:
        """Send a reply as the outbox does, part by part."""
        return [
            await self.courier.send(Outgoing(key=f"{key}#{index}" if index else key, target=target.dump(), reply=part))
            for index, part in enumerate(self.courier.parts(Reply(text, **reply)))
        ]


@asynccontextmanager
async def open_account(house: House, **changes: Any) -> AsyncIterator[Account]:
    account = config(house, **changes)
    async with open_http_client(network=house.network, total=account.http_timeout) as http:
        token, limits = TenantToken(account, http), Limits(account.send_rate_per_chat)
        rest = Rest(account, http, token, limits, Standing(account.labels))
        messenger = Messenger(account, rest)
        files: list[Attachment] = []

        async def upload(file: Attachment) -> Content:
            files.append(file)
            return Content.of("text", {"text": f"<{file.name}>"})

        yield Account(account, rest, messenger, Courier(account, messenger, upload), files)


def refused(code: int, message: str = "no", *, status: int = 400, **headers: str) -> Answer:
    """What Feishu says where it says no."""
    return Answer(
        status=status,
        body=json.dumps({"code": code, "msg": message}),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )

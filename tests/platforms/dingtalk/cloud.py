"""A DingTalk in memory, and an account on it, as the engine would use it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from trio_bridge.engine.environment import Environment
from trio_bridge.engine.executors import inline
from trio_bridge.engine.files import open_files
from trio_bridge.engine.platform import Outgoing, Platform, Services
from trio_bridge.gateways.calls import Call
from trio_bridge.messages import Message, Receipt, Reply
from trio_bridge.platforms.dingtalk.config import DingTalk
from trio_bridge.platforms.dingtalk.gateway.frames import letter_of
from trio_bridge.platforms.dingtalk.gateway.gateway import Gateway
from trio_bridge.platforms.dingtalk.gateway.model import Refused
from trio_bridge.platforms.dingtalk.gateway.rest import RestGateway
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.testing._bodies import response_to
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.server import (
    AcceptWebsocket,
    HttpRequest,
    HttpResponse,
    HttpStreamResponse,
    ServerWebsocket,
)
from trio_bridge.wire.protocol import Delivery, Frame

CLIENT_ID, SECRET = "dingexampleappkey0001", "canary-secret"
BASE = "http://127.0.0.1:8080"
EPOCH = 1_790_000_000.0


class NoContext:
    """A message that nobody answers through the engine."""

    async def reply(self, reply: Reply) -> Receipt:
        raise AssertionError

    def stream(self) -> Any:
        raise AssertionError

    def transaction(self) -> Any:
        raise AssertionError


@attrs.define(eq=False)
class Cloud:
    """DingTalk on a network in memory. Everything that it heard is kept."""

    network: MemoryNetwork = attrs.Factory(MemoryNetwork)
    gateway: Gateway = attrs.Factory(lambda: Gateway(epoch=EPOCH))
    requests: list[HttpRequest] = attrs.Factory(list)
    sockets: list[ServerWebsocket] = attrs.Factory(list)
    received: list[list[Frame]] = attrs.Factory(list)
    """What came over each of the sockets."""
    rest: RestGateway = attrs.Factory(
        lambda self: RestGateway(self.gateway, BASE.replace("http", "ws") + "/connect?v=1"), takes_self=True
    )
    _said: int = 0

    async def handle(self, request: HttpRequest) -> HttpResponse | HttpStreamResponse | AcceptWebsocket | None:
        self.requests.append(request)
        now = trio.current_time()
        if request.path == "/connect":
            try:
                self.gateway.upgrade(request.query.get("ticket"), now)
            except Refused as refusal:
                return HttpResponse(refusal.status)
            return AcceptWebsocket(self.serve)
        call = Call(
            method=request.method, path=request.path, query=request.query, headers=request.headers, body=request.body
        )
        answer = self.rest.answer(call, now)
        if answer.ending == "swallow" and isinstance(answer.body, str):
            await trio.sleep_forever()
        return await response_to(answer)

    async def serve(self, socket: ServerWebsocket) -> None:
        received: list[Frame] = []
        self.sockets.append(socket)
        self.received.append(received)
        while True:
            received += await socket.receive_batch()

    def bodies(self, path: str) -> list[Any]:
        """What was posted to a path."""
        return [request.json() for request in self.requests if request.path == path]

    def say(self, **changes: Any) -> dict[str, Any]:
        """Robot data of a message that was pushed, with a session webhook that works."""
        self._said += 1
        if not self.gateway.connections(CLIENT_ID):
            robot = {"type": "CALLBACK", "topic": "/v1.0/im/bot/messages/get"}
            call = {"clientId": CLIENT_ID, "clientSecret": SECRET, "subscriptions": [robot]}
            self.gateway.upgrade(self.gateway.open(call, trio.current_time()), trio.current_time())
        data = {
            "msgId": f"msg{self._said}",
            "msgtype": "text",
            "text": {"content": "hello"},
            "conversationId": "cidDM",
            "conversationType": "1",
            "senderId": "$:LWCP_v1:$user",
            "senderStaffId": "staff0001",
            "chatbotUserId": "$:LWCP_v1:$bot",
            "sessionWebhook": f"{BASE}/robot/sendBySession?session=s{self._said}",
            "sessionWebhookExpiredTime": int((EPOCH + trio.current_time() + 5400) * 1000),
            **changes,
        }
        self.gateway.push(CLIENT_ID, letter_of(data), trio.current_time())
        return data


def in_group(**changes: Any) -> dict[str, Any]:
    return {"conversationId": "cidGROUP", "conversationType": "2", "isInAtList": True, **changes}


def config(**changes: Any) -> DingTalk:
    mine = {"name": "sales", "client_id": CLIENT_ID, "client_secret": SECRET, "endpoint": BASE, "oapi_endpoint": BASE}
    return DingTalk(**{**mine, **changes})


@attrs.frozen
class Desk:
    """An open platform, as the engine would use it."""

    cloud: Cloud
    platform: Platform

    def message(self, data: dict[str, Any]) -> Message:
        delivery = Delivery(key=str(data.get("msgId")), lane="lane", topic="robot", data=json.dumps(data))
        message = self.platform.message(delivery, NoContext())
        assert message is not None
        return message

    async def answer(self, data: dict[str, Any], text: str, **reply: Any) -> list[str | None]:
        """Answer robot data as the engine does: the parts of the reply, one by one."""
        return await self.send(self.platform.target(self.message(data)), text, **reply)

    async def send(self, target: str, text: str, **reply: Any) -> list[str | None]:
        parts = self.platform.parts(Reply(text, **reply))
        return [
            await self.platform.send(Outgoing(key=f"k#{index}", target=target, reply=part))
            for index, part in enumerate(parts)
        ]


@asynccontextmanager
async def open_desk(cloud: Cloud, **changes: Any) -> AsyncIterator[Desk]:
    account = config(**changes)
    store = await MemoryStore().open_account(account.name, platform="dingtalk")
    async with open_files(None, inline) as files:
        environment = Environment(
            network=cloud.network, wall=lambda: EPOCH + trio.current_time(), disk=inline, files=files
        )
        async with account.open_platform(Services(environment=environment, store=store)) as platform:
            yield Desk(cloud, platform)

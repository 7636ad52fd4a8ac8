"""The REST side of a simulated Feishu, over a network: answers in time, late, and never."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio

from trio_bridge.errors import OutcomeUnknown
from trio_bridge.platforms.feishu.gateway.messages import READ, SEND
from trio_bridge.platforms.feishu.gateway.rest import throttled
from trio_bridge.testing.feishu import FeishuSimulator
from trio_bridge.transport.http import HttpClient, HttpReply, open_http_client
from trio_bridge.transport.memory import MemoryNetwork

APP, SECRET = "cli_a1b2c3d4e5f60718", "s3cr3t"


@attrs.define
class Client:
    """A bot that calls as its app."""

    feishu: FeishuSimulator
    http: HttpClient
    token: str = ""

    async def call(self, method: str, path: str, body: Any = None, **query: str) -> HttpReply:
        headers = [("Authorization", f"Bearer {self.token}")] if self.token else []
        url = f"{self.feishu.url}/open-apis{path}"
        return await self.http.request(method, url, headers=headers, json=body, params=query)

    async def send(self, text: str) -> HttpReply:
        body = {"receive_id": "oc_group", "msg_type": "text", "content": json.dumps({"text": text})}
        return await self.call("POST", "/im/v1/messages", body, receive_id_type="chat_id")


@asynccontextmanager
async def connected() -> AsyncIterator[Client]:
    network = MemoryNetwork()
    async with (
        FeishuSimulator(network=network, wall=lambda: 1_790_000_000.0 + trio.current_time()) as feishu,
        open_http_client(network=network, allow_insecure=True) as http,
    ):
        feishu.add_app(APP, SECRET)
        client = Client(feishu, http)
        credentials = {"app_id": APP, "app_secret": SECRET}
        reply = await client.call("POST", "/auth/v3/tenant_access_token/internal", credentials)
        client.token = reply.json()["tenant_access_token"]
        yield client


async def test_what_is_sent_is_in_the_ledger_and_can_be_read(autojump_clock: trio.testing.MockClock) -> None:
    async with connected() as client:
        reply = await client.send("hello")
        assert (reply.status, reply.json()["code"]) == (200, 0)
        assert reply.headers["x-tt-logid"].isdecimal()
        message_id = reply.json()["data"]["message_id"]
        assert (await client.feishu.next_reply()).message_id == message_id
        [told] = (await client.call("GET", f"/im/v1/messages/{message_id}")).json()["data"]["items"]
        assert told["create_time"] == "1790000000000"
        assert (client.feishu.rest.calls[SEND], client.feishu.rest.calls[READ]) == (1, 1)
        assert client.feishu.ledger.summary().unmatched_replies == 1


async def test_a_call_is_answered_late_though_it_was_carried_out_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with connected() as client:
        client.feishu.rest.scripts.slow(SEND, 2.5)
        begun = trio.current_time()
        assert (await client.send("hello")).ok
        assert trio.current_time() - begun == pytest.approx(2.5)
        assert [sent.at for sent in client.feishu.sent] == [begun]


async def test_a_call_may_be_throttled_or_swallowed(autojump_clock: trio.testing.MockClock) -> None:
    async with connected() as client:
        client.feishu.rest.scripts.add(SEND, throttled(7, status=400))
        client.feishu.rest.scripts.swallow(SEND)
        reply = await client.send("refused")
        assert (reply.status, reply.json()["code"], reply.headers["x-ogw-ratelimit-reset"]) == (400, 99991400, "7")
        with pytest.raises(OutcomeUnknown):
            await client.send("sent all the same")
        assert [sent.text for sent in client.feishu.sent] == ["sent all the same"]


async def test_an_unknown_path_is_a_page(autojump_clock: trio.testing.MockClock) -> None:
    async with connected() as client:
        reply = await client.call("POST", "/callback/ws/endpoint", {})
        assert (reply.status, reply.text, reply.headers["content-type"]) == (404, "404 page not found", "text/plain")

"""A simulated Feishu that calls a webhook: over HTTP, and straight into an application."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from trio_bridge.feishu import webhook
from trio_bridge.messages import Message
from trio_bridge.platforms.feishu.gateway.model import Rules
from trio_bridge.platforms.feishu.gateway.sealing import Seal
from trio_bridge.testing.feishu import FeishuSimulator
from trio_bridge.transport.asgi import Receive, Scope, Send
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.server import HttpRequest, HttpResponse, serve_listener

APP, KEY, TOKEN = "cli_a1b2c3d4e5f60718", "kudryavka-encrypt-key", "vtok-1234567890"


@asynccontextmanager
async def simulated(network: MemoryNetwork | None = None, **rules: Any) -> AsyncIterator[FeishuSimulator]:
    simulator = FeishuSimulator(
        network=network or MemoryNetwork(), rules=Rules(**rules), wall=lambda: 1_790_000_000.0 + trio.current_time()
    )
    async with simulator:
        simulator.add_app(APP, "s3cr3t")
        yield simulator


class Application:
    """Says what it is told to, after a while. Everything that it heard is kept."""

    def __init__(self, *answers: tuple[float, int, bytes]) -> None:
        self.answers = list(answers)
        self.heard: list[dict[str, Any]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        event = await receive()
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.heard.append({"headers": headers, "body": json.loads(event["body"])})
        after, status, body = self.answers.pop(0) if self.answers else (0.0, 200, b"{}")
        await trio.sleep(after)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body[:1], "more_body": True})
        await send({"type": "http.response.body", "body": body[1:]})


async def test_an_app_is_called_for_its_events(autojump_clock: trio.testing.MockClock) -> None:
    application = Application()
    async with simulated() as feishu, feishu.webhook(application, verification_token=TOKEN) as hook:
        pushed = await feishu.say("hello")
        await feishu.wait_acked(pushed)
    [heard] = application.heard
    assert heard["body"]["header"]["token"] == TOKEN
    assert json.loads(heard["body"]["event"]["message"]["content"]) == {"text": "hello"}
    assert [(attempt.entry.pushed, attempt.reply.status) for attempt in hook.attempts if attempt.reply] == [
        (pushed, 200)
    ]
    assert feishu.ledger.faults == []


async def test_what_is_not_taken_in_three_seconds_comes_again(autojump_clock: trio.testing.MockClock) -> None:
    application = Application((3.1, 200, b"{}"), (0.0, 500, b""), (2.9, 200, b"{}"))
    async with simulated(ladder=(15.0, 300.0)) as feishu, feishu.webhook(application, encrypt_key=KEY):
        begun = trio.current_time()
        pushed = await feishu.say("hello")
        await feishu.wait_acked(pushed)
        assert trio.current_time() - begun == pytest.approx(3.0 + 15.0 + 300.0 + 2.9)
    record = feishu.ledger.record(pushed)
    assert [delivery.at - begun for delivery in record.deliveries] == pytest.approx([0.0, 18.0, 318.0])
    assert [ack.code for ack in record.acks] == [500, 200]


async def test_events_do_not_wait_for_each_other(autojump_clock: trio.testing.MockClock) -> None:
    application = Application((2.0, 200, b"{}"))
    async with simulated() as feishu, feishu.webhook(application):
        both = [await feishu.say("one"), await feishu.say("two")]
        await feishu.wait_until(lambda: any(feishu.ledger.entry(pushed).settled for pushed in both))
        assert [feishu.ledger.entry(pushed).settled for pushed in both].count(True) == 1


async def test_a_press_is_answered_in_the_call(autojump_clock: trio.testing.MockClock) -> None:
    toast = b'{"toast": {"type": "success", "content": "done"}}'
    async with simulated() as feishu, feishu.webhook(Application((0.0, 200, toast), (3.1, 200, toast))):
        callback = await feishu.press("om_card", {"id": 7})
        assert (callback.code, callback.toast) == (0, "done")
        assert (await feishu.press("om_card")).code == 200341


async def test_without_a_webhook_events_wait_for_a_connection_again(autojump_clock: trio.testing.MockClock) -> None:
    application = Application()
    async with simulated() as feishu:
        async with feishu.webhook(application):
            await feishu.wait_acked(await feishu.say("heard"))
        pushed = await feishu.say("unheard")
        assert feishu.ledger.record(pushed).deliveries == ()
    assert len(application.heard) == 1


async def test_calls_can_be_made_by_hand_in_every_wrong_way(autojump_clock: trio.testing.MockClock) -> None:
    application = Application((0.0, 200, b'{"challenge": "c"}'))
    async with (
        simulated() as feishu,
        feishu.webhook(application, encrypt_key=KEY, verification_token=TOKEN) as hook,
    ):
        assert (await hook.verify("c")).json() == {"challenge": "c"}
        await hook.call({"n": 1})
        await hook.call({"n": 2}, signed=False)
        await hook.call({"n": 3}, ago=1000.0)
        await hook.call(b'{"n":4}', seal=Seal(verification_token="other"))
    verify, right, unsigned, stale, plain = application.heard
    assert set(verify["body"]) == set(right["body"]) == set(stale["body"]) == {"encrypt"}
    assert [("x-lark-signature" in each["headers"]) for each in (verify, right, unsigned, stale)] == [
        False,
        True,
        False,
        True,
    ]
    ago = int(right["headers"]["x-lark-request-timestamp"]) - int(stale["headers"]["x-lark-request-timestamp"])
    assert ago == 1000
    assert plain["body"] == {"n": 4, "token": "other"}
    assert feishu.ledger.summary().pushed == 0
    assert hook.attempts == []


async def test_somebody_on_the_way_may_put_something_behind_a_call(autojump_clock: trio.testing.MockClock) -> None:
    bodies: list[bytes] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        bodies.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 401})
        await send({"type": "http.response.body"})

    async with simulated() as feishu, feishu.webhook(application) as hook:
        reply = await hook.call(b"{}", tail=b"\n")
    assert (reply.status, reply.body, reply.json()) == (401, b"", None)
    assert bodies == [b'{"token":""}\n']


async def test_a_url_is_called_over_http(autojump_clock: trio.testing.MockClock) -> None:
    network, heard = MemoryNetwork(), list[HttpRequest]()

    async def handle(request: HttpRequest) -> HttpResponse:
        heard.append(request)
        return HttpResponse.json({})

    listener = await network.listen_tcp("127.0.0.1", 8712)
    async with simulated(network, ladder=(1.0,)) as feishu, trio.open_nursery() as nursery:
        async with feishu.webhook("http://127.0.0.1:8712/feishu", encrypt_key=KEY):
            pushed = await feishu.say("nobody is there yet")
            await feishu.wait_until(lambda: feishu.ledger.entry(pushed).missed == 1)
            nursery.start_soon(serve_listener, listener, handle)
            await feishu.wait_acked(pushed)
        nursery.cancel_scope.cancel()
    assert [(request.method, request.path) for request in heard][-1] == ("POST", "/feishu")
    assert "x-lark-signature" in heard[-1].headers


async def test_an_account_of_ours_is_called_and_answers(autojump_clock: trio.testing.MockClock) -> None:
    async def handler(message: Message) -> str:
        return f"you said {message.text}"

    keys = {"encrypt_key": KEY, "verification_token": TOKEN}
    async with (
        simulated() as feishu,
        feishu.open_account(handler, app_id=APP, mode="webhook", listen="", **keys) as account,
        feishu.webhook(webhook(account), **keys) as hook,
    ):
        assert (await hook.verify("c")).json() == {"challenge": "c"}
        assert await feishu.ask("hello") == "you said hello"
        assert (await hook.call({"schema": "2.0"}, tail=b"\n")).status == 401
    summary = feishu.ledger.summary()
    assert (summary.acked, summary.answered, summary.redelivered, feishu.ledger.faults) == (1, 1, 0, [])

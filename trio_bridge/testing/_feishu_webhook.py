"""The calls of a simulated Feishu to a webhook: over HTTP, or straight into an ASGI application."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import attrs
import trio

from ..errors import NotSent, OutcomeUnknown
from ..nurseries import open_background
from ..platforms.feishu.gateway.letters import encode
from ..platforms.feishu.gateway.model import App
from ..platforms.feishu.gateway.sealing import HookCall, Seal
from ..platforms.feishu.gateway.webhook import NO_REPLY, Attempt, HookReply, Webhook
from ..transport.asgi import Application, Event
from ..transport.http import open_http_client
from ..transport.network import Network
from ._feishu_mischief import Mischief
from ._feishu_server import FeishuServer

Post = Callable[[HookCall], Awaitable[HookReply]]


class SimulatedWebhook:
    """A webhook that is called for the events of an app. Other calls than those can be made by hand."""

    def __init__(self, webhook: Webhook, server: FeishuServer, post: Post) -> None:
        self._webhook = webhook
        self._server = server
        self._post = post

    @property
    def attempts(self) -> Sequence[Attempt]:
        """The calls for events, the oldest first, each with how it ended."""
        return self._webhook.attempts

    async def verify(self, challenge: str = "ajls384kdjx98XX") -> HookReply:
        """Ask for the challenge back, as the platform does before it saves the address."""
        at, rng = self._wall(), self._server.gateway.rng
        return await self._call(self._webhook.seal.challenge(challenge, at, rng))

    async def call(
        self,
        payload: Mapping[str, Any] | bytes,
        *,
        seal: Seal | None = None,
        signed: bool = True,
        ago: float = 0.0,
        tail: bytes = b"",
    ) -> HookReply:
        """Make a call that is no push: nothing of it is in the ledger, and it is not made again.

        ``seal``: with other keys. ``ago``: signed so many seconds ago. ``tail``: put behind the body by somebody on the
        way.
        """
        data = payload if isinstance(payload, bytes) else encode(dict(payload)).encode()
        call = (seal or self._webhook.seal).call(data, self._wall() - ago, self._server.gateway.rng, signed=signed)
        return await self._call(attrs.evolve(call, body=call.body + tail))

    async def run(self) -> None:
        """Make the calls that are due, until cancelled."""
        async with trio.open_nursery() as calls:
            while True:
                await self._server.wait_until(lambda: self._webhook.is_stirred)
                for attempt in self._webhook.take():
                    calls.start_soon(self._make, attempt)

    async def _make(self, attempt: Attempt) -> None:
        reply = await self._call(attempt.call)
        self._webhook.ended(attempt, reply, trio.current_time())
        self._server.flush()

    async def _call(self, call: HookCall) -> HookReply:
        with trio.move_on_after(self._server.gateway.rules.ack_within):
            return await self._post(call)
        return NO_REPLY

    def _wall(self) -> float:
        return self._server.gateway.epoch + trio.current_time()


class Webhooks(Mischief):
    """The apps of a simulated Feishu that want to be called."""

    _network: Network
    _app: Callable[[str | None], App]

    @asynccontextmanager
    async def webhook(
        self,
        target: str | Application,
        *,
        app_id: str | None = None,
        encrypt_key: str = "",
        verification_token: str = "",
    ) -> AsyncGenerator[SimulatedWebhook]:
        """Have the app called for its events while the block runs, instead of sent them on a connection.

        ``target`` is a URL, or an ASGI application that is called without any network: also in virtual time.
        """
        gateway = self._server.gateway
        app = self._app(app_id)
        seal = Seal(encrypt_key=encrypt_key, verification_token=verification_token)
        webhook = Webhook(gateway, app.app_id, seal)
        async with _posting(target, self._network) as post, open_background("the webhook is left") as nursery:
            simulated = SimulatedWebhook(webhook, self._server, post)
            nursery.start_soon(simulated.run)
            gateway.webhooks[app.app_id] = webhook
            self._server.tell()
            try:
                yield simulated
            finally:
                del gateway.webhooks[app.app_id]

    def _is_reachable(self, app_id: str | None) -> bool:
        """Whether somebody is there to hear of an event."""
        called = self._server.gateway.webhooks
        return bool(self._chosen(app_id)) or any(app_id in (None, each) for each in called)


@asynccontextmanager
async def _posting(target: str | Application, network: Network) -> AsyncGenerator[Post]:
    """What makes the calls."""
    if not isinstance(target, str):
        application = target

        async def straight(call: HookCall) -> HookReply:
            return await _into(application, call)

        yield straight
        return
    insecure = urlsplit(target).scheme == "http"
    async with open_http_client(network=network, allow_insecure=insecure) as http:

        async def over_http(call: HookCall) -> HookReply:
            try:
                reply = await http.request("POST", target, headers=call.headers.items(), content=call.body)
            except (NotSent, OutcomeUnknown):
                return NO_REPLY
            return HookReply(reply.status, reply.body)

        yield over_http


async def _into(application: Application, call: HookCall) -> HookReply:
    """Call an ASGI application."""
    received = False
    status, pieces = 0, list[bytes]()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in call.headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> Event:
        nonlocal received
        if received:
            await trio.sleep_forever()
        received = True
        return {"type": "http.request", "body": call.body, "more_body": False}

    async def send(event: Event) -> None:
        nonlocal status
        await trio.lowlevel.checkpoint()
        if event["type"] == "http.response.start":
            status = event["status"]
        else:
            pieces.append(event.get("body", b""))

    await application(scope, receive, send)
    return HookReply(status, b"".join(pieces))

"""What Feishu does to a webhook: it encrypts, signs and calls. And a door that remembers what was handed in."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs
import trio
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from trio_bridge.engine.answers import NotAnswered
from trio_bridge.engine.platform import Door
from trio_bridge.platforms.feishu.arriving import Arriving
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.platforms.feishu.webhook.app import Webhook
from trio_bridge.transport.asgi import Application, Event
from trio_bridge.wire.protocol import Delivery

APP_ID = "cli_a1b2c3d4e5f60718"
KEY = "kudryavka-encrypt-key"
TOKEN = "vtok-1234567890"
NOW = 1_795_161_745.0
IV = bytes(range(16))

Headers = Mapping[str, str | bytes]


async def ignore(_: object) -> None:
    """A handler of presses and events."""


def config(**settings: Any) -> Feishu:
    given = {"encrypt_key": KEY, "verification_token": TOKEN, "mode": "webhook", "listen": "", **settings}
    return Feishu(name="hr", app_id=APP_ID, app_secret="s3cr3t", on_card_action=ignore, **given)


def event(
    event_id: str = "e1", kind: str = "im.message.receive_v1", body: Mapping[str, Any] | None = None, **header: Any
) -> dict[str, Any]:
    """An event of schema 2.0."""
    known = {"event_id": event_id, "event_type": kind, "token": TOKEN, "app_id": APP_ID, "create_time": "1795161744600"}
    about = {"message": {"message_id": f"om_{event_id}"}} if body is None else body
    return {"schema": "2.0", "header": {**known, **header}, "event": about}


def said(
    text: str, event_id: str = "e1", message_id: str = "", *, app_id: str = APP_ID, at: float = NOW
) -> dict[str, Any]:
    """Somebody writes to the bot."""
    message = {
        "message_id": message_id or f"om_{event_id}",
        "create_time": str(int(at * 1000)),
        "chat_id": "oc_1",
        "chat_type": "p2p",
        "message_type": "text",
        "content": json.dumps({"text": text}),
    }
    sender = {"sender_id": {"open_id": "ou_tom"}, "sender_type": "user"}
    return event(event_id, body={"sender": sender, "message": message}, app_id=app_id)


def question(challenge: Any = "ajls384kdjx98XX", token: Any = TOKEN) -> dict[str, Any]:
    """Whether the address is ours."""
    return {"type": "url_verification", "token": token, "challenge": challenge}


def seal(text: str, key: str = KEY) -> str:
    """A text, encrypted."""
    size = 16 - len(text.encode()) % 16
    encryptor = Cipher(algorithms.AES(hashlib.sha256(key.encode()).digest()), modes.CBC(IV)).encryptor()
    data = encryptor.update(text.encode() + bytes([size]) * size) + encryptor.finalize()
    return b64encode(IV + data).decode()


def encrypted(value: Any, key: str = KEY) -> bytes:
    """The body of a call that says ``value``, or the text that it is."""
    return json.dumps({"encrypt": seal(value if isinstance(value, str) else json.dumps(value), key)}).encode()


def signed(body: bytes, *, at: object = int(NOW), nonce: str = "n0nce", key: str = KEY) -> dict[str, str | bytes]:
    """The headers that prove who calls."""
    return {
        "Content-Type": "application/json; charset=utf-8",
        "X-Lark-Request-Timestamp": str(at),
        "X-Lark-Request-Nonce": nonce,
        "X-Lark-Signature": hashlib.sha256(f"{at}{nonce}{key}".encode() + body).hexdigest(),
    }


@attrs.frozen
class Answered:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        assert self.headers["content-type"].startswith("application/json")
        return json.loads(self.body)


@attrs.define
class Request:
    """One request, as a server hands it to an application: piece by piece."""

    pieces: Sequence[bytes]
    headers: Headers
    method: str = "POST"
    path: str = "/feishu"
    pause: float = 0.0
    """Before each piece."""
    left: bool = False
    """The caller leaves after the last piece, which is not the end."""
    taken: int = 0
    events: list[Event] = attrs.Factory(list)

    @property
    def scope(self) -> dict[str, Any]:
        raw = [(name.lower().encode(), _bytes(value)) for name, value in self.headers.items()]
        return {"type": "http", "method": self.method, "path": self.path, "root_path": "", "headers": raw}

    async def receive(self) -> Event:
        await trio.sleep(self.pause)
        if self.taken < len(self.pieces):
            self.taken += 1
            return {
                "type": "http.request",
                "body": self.pieces[self.taken - 1],
                "more_body": self.left or self.taken < len(self.pieces),
            }
        if not self.left:
            await trio.sleep_forever()
        return {"type": "http.disconnect"}

    async def send(self, event: Event) -> None:
        await trio.lowlevel.checkpoint()
        self.events.append(event)

    async def run(self, application: Application) -> Answered | None:
        """What the application answers; ``None`` if nothing."""
        await application(self.scope, self.receive, self.send)
        if not self.events:
            return None
        start, *rest = self.events
        assert [event["type"] for event in self.events] == ["http.response.start", "http.response.body"]
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return Answered(start["status"], headers, b"".join(event["body"] for event in rest))


async def call(application: Application, body: bytes, headers: Headers | None = None, **request: Any) -> Answered:
    """Call with a body, signed unless other headers are given."""
    asked = Request([body], signed(body) if headers is None else headers, **request)
    answered = await asked.run(application)
    assert answered is not None
    return answered


async def answer_nothing(delivery: Delivery) -> str | None:
    await trio.lowlevel.checkpoint()
    return None


@attrs.define(eq=False)
class Doorstep(Door):
    """A door before which everything stays lying."""

    taken: list[Delivery] = attrs.Factory(list)
    asked: list[Delivery] = attrs.Factory(list)
    duplicates: list[str] = attrs.Factory(list)
    nobodys: int = 0
    storing: Callable[[], Awaitable[bool]] | None = None
    """What becomes of a delivery that is to be stored."""
    answering: Callable[[Delivery], Awaitable[str | None]] = answer_nothing

    async def take(self, delivery: Delivery) -> bool:
        await trio.lowlevel.checkpoint()
        if self.storing is not None and not await self.storing():
            return False
        known = event_id(delivery) in names(self.taken)
        (self.duplicates.append(event_id(delivery)) if known else self.taken.append(delivery))
        return True

    async def answer(self, delivery: Delivery) -> str | None:
        self.asked.append(delivery)
        with trio.move_on_after(delivery.answer_within or 0.0):
            try:
                return await self.answering(delivery)
            except RuntimeError:
                raise NotAnswered from None
        return None

    def unwanted(self) -> None:
        self.nobodys += 1


def webhook(settings: Feishu | None = None, *, wall: Callable[[], float] = lambda: NOW) -> Webhook:
    """The application for an account."""
    settings = settings or config()
    return Webhook(settings, wall, Arriving(settings, wall))


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def event_id(delivery: Delivery) -> str:
    """Which event it is."""
    said = json.loads(delivery.data)
    found: str = said["header"]["event_id"] if "header" in said else said["uuid"]
    return found


def names(deliveries: Iterable[Delivery]) -> list[str]:
    """Which events they are."""
    return [event_id(delivery) for delivery in deliveries]

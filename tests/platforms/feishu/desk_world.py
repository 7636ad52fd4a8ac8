"""A server side with two apps, without any network: calls go in, answers come out, and the test moves the clock."""

from __future__ import annotations

import json
from typing import Any

import httpx

from trio_bridge.gateways.calls import Answer, Call
from trio_bridge.platforms.feishu.gateway.gateway import Gateway
from trio_bridge.platforms.feishu.gateway.ledger import Pushed
from trio_bridge.platforms.feishu.gateway.letters import MESSAGE, letter_of
from trio_bridge.platforms.feishu.gateway.model import Rules
from trio_bridge.platforms.feishu.gateway.rest import RestGateway

APP, OTHER, SECRET = "cli_a1b2c3d4e5f60718", "cli_b1b2c3d4e5f60718", "s3cr3t"
GROUP, TOM = "oc_group", "ou_tom"
API = "/open-apis"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (20).to_bytes(4, "big") * 2 + b"pixels"


class World:
    """Calls as the first app makes them, unless a test says otherwise. Codes are what they are answered with."""

    def __init__(self, **rules: Any) -> None:
        self.gateway = Gateway(rules=Rules(**rules), epoch=1_790_000_000.0)
        self.rest = RestGateway(self.gateway)
        self.now = 0.0
        self.tokens: dict[str, str] = {}
        self.answer = Answer()
        """The last one."""
        for app_id in (APP, OTHER):
            self.gateway.directory.add_app(app_id, SECRET)
            self.tokens[app_id] = self.token(app_id)

    def token(self, app_id: str = APP, secret: str = SECRET) -> str:
        """Ask for a token; empty where there is none."""
        body = {"app_id": app_id, "app_secret": secret}
        reply = self.call("POST", "/auth/v3/tenant_access_token/internal", body, app=None)
        return str(reply.get("tenant_access_token", ""))

    def call(
        self, method: str, path: str, body: Any = None, *, app: str | None = APP, query: dict[str, str] | None = None
    ) -> dict[str, Any]:
        """The JSON that a call is answered with."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        call = Call(
            method=method,
            path=API + path,
            query=query or {},
            headers={"authorization": f"Bearer {self.tokens[app]}"} if app else {},
            body=content,
        )
        return self.ask(call)

    def ask(self, call: Call) -> dict[str, Any]:
        self.answer = self.rest.answer(call, self.now)
        assert isinstance(self.answer.body, str | bytes)
        value: dict[str, Any] = json.loads(self.answer.body)
        return value

    # Messages.

    def send(
        self,
        content: Any = "hello",
        *,
        kind: str = "text",
        to: str = GROUP,
        by: str = "chat_id",
        app: str = APP,
        **more: Any,
    ) -> dict[str, Any]:
        body = {"receive_id": to, "msg_type": kind, "content": as_content(content), **more}
        return self.call("POST", "/im/v1/messages", body, app=app, query={"receive_id_type": by})

    def reply(
        self, message_id: str, content: Any = "hello", *, kind: str = "text", app: str = APP, **more: Any
    ) -> dict[str, Any]:
        body = {"msg_type": kind, "content": as_content(content), **more}
        return self.call("POST", f"/im/v1/messages/{message_id}/reply", body, app=app)

    def about(self, method: str, message_id: str, body: Any = None, *, app: str = APP) -> dict[str, Any]:
        """A call about one message."""
        return self.call(method, f"/im/v1/messages/{message_id}", body, app=app)

    def said(self, text: str = "hi", *, message_id: str = "om_of_tom", chat_id: str = GROUP, app: str = APP) -> Pushed:
        """A message of a person that was pushed to the app."""
        message = {
            "message_id": message_id,
            "chat_id": chat_id,
            "chat_type": "group",
            "message_type": "text",
            "content": json.dumps({"text": text}),
        }
        sender = {"sender_id": {"open_id": TOM}, "sender_type": "user"}
        header = {"event_id": f"event-of-{message_id}", "event_type": MESSAGE, "app_id": app}
        event = {"schema": "2.0", "header": header, "event": {"message": message, "sender": sender}}
        pushed = self.gateway.ledger.pushed(app, letter_of(event), self.now)
        self.gateway.ledger.delivered(pushed, "connection", f"delivery-of-{message_id}", self.now)
        return pushed.pushed

    # Cards and files.

    def create(self, *, app: str = APP, **changes: Any) -> dict[str, Any]:
        body = {"type": "card_json", "data": json.dumps(card(**changes))}
        return self.call("POST", "/cardkit/v1/cards", body, app=app)

    def show(self, card_id: str, *, app: str = APP, **more: Any) -> dict[str, Any]:
        content = {"type": "card", "data": {"card_id": card_id}}
        return self.send(content, kind="interactive", app=app, **more)

    def stream(self, card_id: str, text: str, sequence: int, *, app: str = APP, **more: Any) -> int:
        element = more.pop("element", "words")
        body = {"content": text, "sequence": sequence, **more}
        return code(self.call("PUT", f"/cardkit/v1/cards/{card_id}/elements/{element}/content", body, app=app))

    def settle(self, card_id: str, sequence: int, *, streaming: bool = False, **more: Any) -> int:
        settings = json.dumps({"config": {"streaming_mode": streaming}})
        body = {"settings": settings, "sequence": sequence, **more}
        return code(self.call("PATCH", f"/cardkit/v1/cards/{card_id}/settings", body))

    def upload(self, path: str, fields: dict[str, str], *, app: str = APP, **files: bytes) -> dict[str, Any]:
        named = {name: (f"{name}.bin", content, "application/x-any") for name, content in files.items()}
        request = httpx.Request("POST", "http://x", data=fields, files=named)
        headers = {**request.headers, "authorization": f"Bearer {self.tokens[app]}"}
        return self.ask(Call(method="POST", path=API + path, headers=headers, body=request.read()))

    def upload_image(self, content: bytes = PNG, *, kind: str = "message", app: str = APP) -> dict[str, Any]:
        return self.upload("/im/v1/images", {"image_type": kind}, app=app, image=content)

    def upload_file(self, content: bytes = b"%PDF", *, kind: str = "pdf", **fields: str) -> dict[str, Any]:
        return self.upload("/im/v1/files", {"file_type": kind, "file_name": "a.pdf", **fields}, file=content)


def card(
    text: str = "", *, streaming: bool = True, shared: bool = True, schema: str = "2.0", **more: Any
) -> dict[str, Any]:
    """A card with one text, and a head and a button that are no part of it."""
    words = {"tag": "markdown", "element_id": "words", "content": text}
    button = {"tag": "button", "element_id": "ok", "text": {"tag": "plain_text", "content": "OK"}}
    return {
        "schema": schema,
        "config": {"streaming_mode": streaming, "update_multi": shared},
        "header": {"title": {"tag": "plain_text", "content": "Head"}},
        "body": {"elements": [words, button]},
        **more,
    }


def as_content(content: Any) -> str:
    return json.dumps({"text": content}) if isinstance(content, str) else json.dumps(content)


def code(reply: dict[str, Any]) -> int:
    return int(reply["code"])

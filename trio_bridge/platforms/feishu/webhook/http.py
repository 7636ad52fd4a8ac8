"""What the webhook needs of ASGI: a body within bounds, and an answer that always gets out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Final

import attrs
import trio

from ....transport.asgi import Receive, Scope, Send
from .reading import CallRefused

BODY_WITHIN: Final = 3.0
"""Seconds in which the whole of a call has to be here: Feishu itself waits no longer for its answer."""
HEADERS: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


class CallerLeft(Exception):
    """Nobody waits for the answer."""


@attrs.frozen
class Answer:
    """What is answered."""

    status: int
    body: bytes = attrs.field(repr=False)
    content_type: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()

    @classmethod
    def json(cls, text: str) -> Answer:
        """What was asked for, as JSON."""
        return cls(200, text.encode(), b"application/json; charset=utf-8")

    @classmethod
    def plain(cls, status: int, text: str = "", headers: Sequence[tuple[bytes, bytes]] = ()) -> Answer:
        """A text, or what the status is called."""
        return cls(status, f"{text or HTTPStatus(status).phrase}\n".encode(), b"text/plain; charset=utf-8", headers)


Answering = Callable[[Scope, Receive], Awaitable[Answer]]


async def respond(scope: Scope, receive: Receive, send: Send, answering: Answering) -> None:
    """Do what a server may ask of an application: answer a request, or say that nothing has to be begun or ended."""
    match scope["type"]:
        case "http":
            with suppress(CallerLeft):
                await _send_answer(await answering(scope, receive), scope, send)
        case "lifespan":
            await _attend_lifespan(receive, send)
        case _:
            await send({"type": "websocket.close"})


async def read_body(scope: Scope, receive: Receive, limit: int) -> bytes:
    """The body of a request.

    Raises:
      CallRefused: it is larger than ``limit`` bytes, or does not come within :data:`BODY_WITHIN`.
      CallerLeft: it will never be whole.
    """
    if _announced(scope) > limit:
        raise CallRefused(413, "it is too large")
    body = bytearray()
    with trio.move_on_after(BODY_WITHIN):
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                raise CallerLeft
            body += event.get("body", b"")
            if len(body) > limit:
                raise CallRefused(413, "it is too large")
            if not event.get("more_body", False):
                return bytes(body)
    raise CallRefused(408, "it took too long to come")


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The headers of a request by their names in lower case. Of several with one name the first counts."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers.setdefault(bytes(name).lower(), bytes(value))
    return headers


async def _send_answer(answer: Answer, scope: Scope, send: Send) -> None:
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
        *HEADERS,
        *answer.headers,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else answer.body})


async def _attend_lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return


def _announced(scope: Scope) -> int:
    length = headers_of(scope).get(b"content-length", b"")
    return int(length[:20]) if length.isdigit() else 0

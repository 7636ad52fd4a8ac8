"""One port for HTTP/1.1 and WebSocket: a request comes in, the handler answers it or accepts a WebSocket.

What goes wrong, and whose it is:

- The peer breaks HTTP, is too slow or says too much: it gets 400, 408, 413 or 431, and its connection is closed.
- The peer goes away: the connection ends, quietly. A handler that meets it as ``ConnectionLost`` may let it pass.
- The handler raises anything else: a request gets 500, a WebSocket is closed with 1011, and the error leaves
  :func:`serve_stream`. :func:`serve_listener` logs it and serves the other connections; with ``strict`` it lets the
  error end the server, which is what a test wants of a bug.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence

import attrs
import trio
from websockets.datastructures import Headers
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from ..config import Transport
from ..errors import ConnectionLost
from ..wire.protocol import Frame
from ._agreement import Acceptance, Agreement
from ._closing import CLOSE_GRACE
from ._core_server import accept_with_core
from ._http_connection import HttpConnection, RequestRefused
from ._http_messages import HttpRequest, HttpResponse, HttpStreamResponse, SendPiece
from ._shell import MAX_SIZE, quiet
from ._streams import close_now
from ._trio_server import accept_with_trio_websocket
from ._upgrade import SWITCHING_PROTOCOLS
from .server_websocket import ServerWebsocket

__all__ = [
    "AcceptWebsocket",
    "Handler",
    "HttpRequest",
    "HttpResponse",
    "HttpStreamResponse",
    "SendPiece",
    "ServerWebsocket",
    "serve_listener",
    "serve_stream",
]

logger = logging.getLogger(__name__)

ACCEPTANCES: dict[Transport, Acceptance] = {
    "websockets": accept_with_core,
    "trio-websocket": accept_with_trio_websocket,
}

INTERNAL_ERROR = 500
NORMAL = 1000
GOING_AWAY = 1001
SERVER_FAILED = 1011

FRAMING = frozenset({"Connection", "Content-Length", "Date"})
"""Headers of a refusal that the HTTP side sets itself."""


@attrs.frozen
class AcceptWebsocket:
    """The answer that accepts an upgrade: ``serve`` gets the open connection, which is closed when it returns."""

    serve: Callable[[ServerWebsocket], Awaitable[None]]
    subprotocols: Sequence[str] = attrs.field(default=(), kw_only=True)
    max_size: int = attrs.field(default=MAX_SIZE, kw_only=True)
    compression: bool = attrs.field(default=False, kw_only=True)
    close_grace: float = attrs.field(default=CLOSE_GRACE, kw_only=True)
    transport: Transport = attrs.field(default="websockets", kw_only=True)
    early: Sequence[Frame] = attrs.field(default=(), kw_only=True, repr=False)
    """Messages that are written together with the answer to the upgrade: a client may read all of it at once."""

    def __attrs_post_init__(self) -> None:
        if self.compression and self.transport == "trio-websocket":
            raise ValueError("the transport trio-websocket can't compress")


Handler = Callable[[HttpRequest], Awaitable[HttpResponse | HttpStreamResponse | AcceptWebsocket | None]]
"""Answers a request. ``None`` closes the connection without an answer, which is what a simulator may want."""


async def serve_listener(
    listener: trio.abc.Listener[trio.abc.HalfCloseableStream],
    handler: Handler,
    *,
    strict: bool = False,
    task_status: trio.TaskStatus[list[trio.abc.Listener[trio.abc.HalfCloseableStream]]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve every connection of a listener, each in a task of its own, until cancelled. Then the listener is closed.

    Running out of file descriptors is survived: accepting is tried again every 100 ms.
    """

    async def serve(stream: trio.abc.HalfCloseableStream) -> None:
        try:
            await serve_stream(stream, handler)
        except Exception:
            if strict:
                raise
            logger.exception("a handler failed, its connection is closed")

    await trio.serve_listeners(serve, [listener], task_status=task_status)


async def serve_stream(stream: trio.abc.Stream, handler: Handler) -> None:
    """Serve one connection to its end; then the stream is closed."""
    connection = HttpConnection(stream)
    try:
        await answer_requests(connection, stream, handler)
    except RequestRefused as refused:
        await connection.refuse(refused.status)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # the peer left
    finally:
        close_now(stream)


async def answer_requests(connection: HttpConnection, stream: trio.abc.Stream, handler: Handler) -> None:
    """Let the handler answer one request after another, until the client leaves or a WebSocket takes over."""
    while (request := await connection.next_request()) is not None:
        try:
            answer = await handler(request)
        except Exception:
            await connection.refuse(INTERNAL_ERROR)
            raise
        if isinstance(answer, AcceptWebsocket):
            outcome = negotiate(request, answer)
            if isinstance(outcome, Agreement):
                async with ACCEPTANCES[answer.transport](stream, outcome, connection.left_over) as websocket:
                    await converse(websocket, answer)
                return
            answer = outcome
        if isinstance(answer, HttpStreamResponse):
            goes_on = await connection.answer_slowly(answer)
        else:
            goes_on = answer is not None and await connection.answer(answer)
        if not goes_on:
            return


def negotiate(request: HttpRequest, accept: AcceptWebsocket) -> Agreement | HttpResponse:
    """Check an upgrade and agree on its terms, or say in HTTP what is wrong with it."""
    negotiator = ServerProtocol(
        extensions=[ServerPerMessageDeflateFactory()] if accept.compression else None,
        subprotocols=[Subprotocol(name) for name in accept.subprotocols] or None,
        logger=quiet,
    )
    response = negotiator.accept(Request(request.target, Headers(request.headers), request.method))
    if response.status_code != SWITCHING_PROTOCOLS:
        unframed = [(name, value) for name, value in response.headers.raw_items() if name not in FRAMING]
        return HttpResponse(response.status_code, unframed, bytes(response.body))
    return Agreement(
        response=response.serialize(),
        key=request.headers["sec-websocket-key"],
        extensions=negotiator.extensions,
        subprotocol=negotiator.subprotocol,
        max_size=accept.max_size,
        close_grace=accept.close_grace,
        early=accept.early,
    )


async def converse(websocket: ServerWebsocket, accept: AcceptWebsocket) -> None:
    """Run the handler's side of a connection, then close it."""
    code = GOING_AWAY  # unless something else becomes known, the server was cancelled
    try:
        try:
            await accept.serve(websocket)
        except* ConnectionLost:
            pass  # the peer left
        code = NORMAL
    except Exception:
        code = SERVER_FAILED
        raise
    finally:
        await websocket.aclose(code)

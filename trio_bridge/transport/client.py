"""The client side of a WebSocket connection: TCP, proxy, TLS and upgrade, each with a limit and its own failure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, InvalidURI
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI, parse_uri

from ..errors import AccountRefused, HandshakeFailed
from ._headers import hint_of, sendable
from ._shell import CLOSE_GRACE, MAX_SIZE, RECEIVE_SIZE, CoreWebsocket, quiet
from ._streams import close_now
from .limits import UPGRADE_LIMIT, stage_limit
from .network import Network
from .tls import open_stream, ssl_context
from .urls import endpoint_of
from .websocket import UpgradeRefused, Websocket


@asynccontextmanager
async def open_websocket(
    url: str,
    *,
    network: Network,
    ca_file: Path | None = None,
    headers: Iterable[tuple[str, str]] = (),
    subprotocols: Sequence[str] = (),
    max_size: int = MAX_SIZE,
    compression: bool = False,
    close_grace: float = CLOSE_GRACE,
    allow_insecure: bool = False,
) -> AsyncIterator[Websocket]:
    """A connection that is open; leaving the block closes it within ``close_grace``.

    ``max_size`` bounds one message, joined and inflated. Frames that come right behind the server's answer are kept.

    Raises:
      HandshakeFailed: with the stage; an :class:`UpgradeRefused` where the server answered something else than 101.
      AccountRefused: the certificate, the proxy or the URL can't be used as configured.
    """
    uri = parse(url)
    endpoint = endpoint_of(url, allow_insecure=allow_insecure)
    stream = await open_stream(endpoint, network=network, context=ssl_context(ca_file))
    try:
        core = ClientProtocol(
            uri,
            extensions=[ClientPerMessageDeflateFactory(client_max_window_bits=True)] if compression else None,
            subprotocols=[Subprotocol(name) for name in subprotocols] or None,
            max_size=max_size,
            logger=quiet,
        )
        with stage_limit("upgrade", UPGRADE_LIMIT, f"upgrade at {endpoint.host}"):
            await upgrade(core, stream, headers)
        websocket = CoreWebsocket(stream, core, close_grace=close_grace)
    except BaseException:
        close_now(stream)
        raise
    try:
        yield websocket
    finally:
        await websocket.aclose()


def parse(url: str) -> WebSocketURI:
    try:
        return parse_uri(url)
    except (InvalidURI, ValueError) as error:
        # Not chained: the library's message repeats the URL, and a ticket may be in it.
        reason = error.msg if isinstance(error, InvalidURI) else str(error)
        raise AccountRefused(f"not a WebSocket URL: {reason}", kind="misconfigured") from None


async def upgrade(core: ClientProtocol, stream: trio.abc.Stream, headers: Iterable[tuple[str, str]]) -> None:
    """The connection is open as far as both sides are concerned.

    Raises:
      HandshakeFailed: it is not.
    """
    request = core.connect()
    for name, value in sendable(headers):
        request.headers.pop(name, None)  # assignment would add a second one
        request.headers[name] = value
    core.send_request(request)
    try:
        await stream.send_all(b"".join(core.data_to_send()))
        while core.state is State.CONNECTING and core.handshake_exc is None:
            data = await stream.receive_some(RECEIVE_SIZE)
            if data:
                core.receive_data(data)
            else:
                core.receive_eof()
    except trio.BrokenResourceError as error:
        raise HandshakeFailed("upgrade: the connection broke before the answer came", stage="upgrade") from error
    match core.handshake_exc:
        case None:
            del core.events[0]  # the answer; what follows are frames
        case InvalidStatus(response=response):
            raise refusal(response)
        case failure:
            reason = f"{failure}: {failure.__cause__}" if failure.__cause__ else str(failure)
            raise HandshakeFailed(f"upgrade: {reason}", stage="upgrade") from failure


def refusal(response: Response) -> UpgradeRefused:
    """What a server's answer other than 101 means."""
    headers = {name.lower(): value for name, value in response.headers.raw_items()}
    return UpgradeRefused(
        response.status_code, headers=headers, body=bytes(response.body), retry_after=hint_of(headers)
    )

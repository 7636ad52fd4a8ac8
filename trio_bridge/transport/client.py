"""The client side of a WebSocket connection: TCP, proxy, TLS and upgrade, each with a limit and its own failure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from websockets.exceptions import InvalidURI
from websockets.uri import WebSocketURI, parse_uri

from ..config import Transport
from ..errors import AccountRefused
from ._closing import CLOSE_GRACE
from ._core_client import open_with_core
from ._shell import MAX_SIZE
from ._streams import close_now
from ._terms import Handshake, Terms
from ._trio_client import open_with_trio_websocket
from .network import Network
from .tls import open_stream, ssl_context
from .urls import endpoint_of
from .websocket import Websocket
from .wirelog import LoggedWebsocket

HANDSHAKES: dict[Transport, Handshake] = {
    "websockets": open_with_core,
    "trio-websocket": open_with_trio_websocket,
}


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
    transport: Transport = "websockets",
) -> AsyncIterator[Websocket]:
    """A connection that is open; leaving the block closes it within ``close_grace``.

    ``max_size`` bounds one message, joined and inflated. Frames that come right behind the server's answer are kept.
    ``transport`` names the library that speaks on it. trio-websocket has no compression: asking for both is refused.

    Raises:
      HandshakeFailed: with the stage; an :class:`UpgradeRefused` where the server answered something else than 101.
      AccountRefused: the certificate, the proxy or the URL can't be used as configured.
    """
    terms = Terms(
        uri=parse(url),
        headers=headers,
        subprotocols=subprotocols,
        max_size=max_size,
        compression=compression,
        close_grace=close_grace,
    )
    if compression and transport == "trio-websocket":
        raise AccountRefused("the transport trio-websocket can't compress", kind="misconfigured")
    endpoint = endpoint_of(url, allow_insecure=allow_insecure)
    stream = await open_stream(endpoint, network=network, context=ssl_context(ca_file))
    try:
        async with HANDSHAKES[transport](stream, terms) as websocket:
            try:
                yield websocket if network.log is None else LoggedWebsocket(websocket, network.log)
            finally:
                await websocket.aclose()
    finally:
        close_now(stream)


def parse(url: str) -> WebSocketURI:
    try:
        return parse_uri(url)
    except (InvalidURI, ValueError) as error:
        # Not chained: the library's message repeats the URL, and a ticket may be in it.
        reason = error.msg if isinstance(error, InvalidURI) else str(error)
        raise AccountRefused(f"not a WebSocket URL: {reason}", kind="misconfigured") from None

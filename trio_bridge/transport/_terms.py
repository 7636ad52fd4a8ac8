"""What a client wants of a WebSocket, and how each library is asked for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager

import attrs
import trio
from websockets.uri import WebSocketURI

from .websocket import Websocket


@attrs.frozen(kw_only=True)
class Terms:
    """How a client opens a WebSocket, and what it then bounds it by."""

    uri: WebSocketURI = attrs.field(repr=False)
    headers: Iterable[tuple[str, str]] = attrs.field(repr=False)
    subprotocols: Sequence[str]
    max_size: int
    compression: bool
    close_grace: float


Handshake = Callable[[trio.abc.Stream, Terms], AbstractAsyncContextManager[Websocket]]
"""Opens a WebSocket on a stream, or raises HandshakeFailed. Closing either is left to the caller."""

"""An upgrade that both sides agree on, and how each library takes it up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import attrs
import trio
from websockets.extensions import Extension
from websockets.typing import Subprotocol

from ..wire.protocol import Frame
from .server_websocket import ServerWebsocket


@attrs.frozen(kw_only=True)
class Agreement:
    """What a server answers to an upgrade, and what holds from then on."""

    response: bytes
    key: str
    """What the client's request is known by."""
    extensions: list[Extension]
    subprotocol: Subprotocol | None
    max_size: int
    close_grace: float
    early: Sequence[Frame]
    """Messages that leave in one write with the response."""


Acceptance = Callable[[trio.abc.Stream, Agreement, bytes], AbstractAsyncContextManager[ServerWebsocket]]
"""Opens a WebSocket on a stream on which a request has come, and the bytes behind it."""

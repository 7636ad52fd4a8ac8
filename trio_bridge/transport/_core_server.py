"""The server's end of a WebSocket on the core of ``websockets``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from websockets.protocol import Protocol, Side, State

from ..wire.protocol import Frame
from ._agreement import Agreement
from ._shell import CoreWebsocket, quiet
from ._streams import reset_now
from .server_websocket import ServerWebsocket, fragments


class CoreServerWebsocket(CoreWebsocket, ServerWebsocket):
    """Misbehaves with the core's own frames, so that it can do so in compressed ones."""

    async def send_fragmented(self, message: Frame, size: int) -> None:
        first, *others = fragments(message, size)
        begin = self._core.send_text if isinstance(message, str) else self._core.send_binary
        begin(first, fin=not others)
        for index, fragment in enumerate(others, start=1):
            self._core.send_continuation(fragment, fin=index == len(others))
        await self.send_batch()

    async def send_raw(self, data: bytes) -> None:
        self._core.writes.append(data)
        await self.send_batch()

    def reset(self) -> None:
        reset_now(self._stream)
        self.abort()


@asynccontextmanager
async def accept_with_core(
    stream: trio.abc.Stream, agreed: Agreement, left_over: bytes
) -> AsyncIterator[ServerWebsocket]:
    """An open WebSocket, after our answer to a request. ``left_over``: what came behind it."""
    # The one who agreed expects to read the request from the wire itself, so another core takes over.
    core = Protocol(Side.SERVER, state=State.OPEN, max_size=agreed.max_size, logger=quiet)
    core.extensions, core.subprotocol = agreed.extensions, agreed.subprotocol
    for message in agreed.early:
        if isinstance(message, str):
            core.send_text(message.encode())
        else:
            core.send_binary(message)
    await stream.send_all(agreed.response + b"".join(core.data_to_send()))
    if left_over:
        core.receive_data(left_over)
    yield CoreServerWebsocket(stream, core, close_grace=agreed.close_grace)

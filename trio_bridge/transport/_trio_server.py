"""The server's end of a WebSocket on trio-websocket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio
from trio_websocket import WebSocketConnection, wrap_server_stream
from websockets.frames import Frame as CoreFrame
from websockets.frames import Opcode

from ..wire.protocol import Frame
from ._agreement import Agreement
from ._paced_stream import PacedStream
from ._shell import RECEIVE_SIZE
from ._streams import reset_now
from ._trio_websocket import QUEUE_SIZE, TrioWebsocket, living
from .server_websocket import ServerWebsocket, fragments

READ_AHEAD = 0
"""A server's end that nobody receives from is deaf."""


class TrioServerWebsocket(TrioWebsocket, ServerWebsocket):
    """Misbehaves with frames that it writes itself, between those of trio-websocket."""

    async def answer(self, early: Sequence[Frame]) -> None:
        """Tell the client that it is connected, and these messages. From then on it is owed a close frame."""
        for message in early:
            await self._connection.send_message(message)
        await self._paced.flush()

    async def send_fragmented(self, message: Frame, size: int) -> None:
        opcode = Opcode.TEXT if isinstance(message, str) else Opcode.BINARY
        *others, last = fragments(message, size)
        for fragment in others:
            self._paced.push(CoreFrame(opcode, fragment, fin=False).serialize(mask=False))
            opcode = Opcode.CONT
        self._paced.push(CoreFrame(opcode, last).serialize(mask=False))
        await self.send_batch()

    async def send_raw(self, data: bytes) -> None:
        self._paced.push(data)
        await self.send_batch()

    def reset(self) -> None:
        reset_now(self._stream)
        self.abort()


@asynccontextmanager
async def accept_with_trio_websocket(
    stream: trio.abc.Stream, agreed: Agreement, left_over: bytes
) -> AsyncIterator[ServerWebsocket]:
    """An open WebSocket, after our answer to a request. ``left_over``: what came behind it."""

    async def request() -> bytes:
        await trio.lowlevel.checkpoint()
        return request_for(agreed)

    async def accept(room: trio.Nursery, paced: PacedStream) -> WebSocketConnection:
        proposal = await wrap_server_stream(
            room,
            paced,
            message_queue_size=QUEUE_SIZE,
            max_message_size=agreed.max_size,
            receive_buffer_size=RECEIVE_SIZE,
        )
        connection = await proposal.accept(subprotocol=agreed.subprotocol)
        paced.unread(left_over)  # not before: what comes with a request, trio-websocket forgets
        return connection

    websocket = TrioServerWebsocket(
        stream,
        first=request,
        masks=False,
        read_ahead=READ_AHEAD,
        max_size=agreed.max_size,
        close_grace=agreed.close_grace,
    )
    async with living(websocket, accept):
        await websocket.answer(agreed.early)
        yield websocket


def request_for(agreed: Agreement) -> bytes:
    """The request that was agreed to, once more: it has been read already, and trio-websocket wants to read one."""
    lines = [
        "GET / HTTP/1.1",
        "Host: -",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {agreed.key}",
    ]
    if agreed.subprotocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {agreed.subprotocol}")
    return "\r\n".join([*lines, "", ""]).encode()

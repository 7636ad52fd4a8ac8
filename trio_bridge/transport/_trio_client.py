"""The opening handshake of a client, by trio-websocket.

trio-websocket waits for ever for an answer that does not come: if the connection breaks, if its end is the end of a
refusal, or if the answer agrees to something else. So the answer is read here, and trio-websocket sees it if it is 101.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio
from trio_websocket import WebSocketConnection, wrap_client_stream
from websockets.headers import build_host

from ._headers import sendable
from ._paced_stream import PacedStream
from ._shell import RECEIVE_SIZE
from ._terms import Terms
from ._trio_websocket import QUEUE_SIZE, TrioWebsocket, living
from ._upgrade import read_agreement
from .limits import UPGRADE_LIMIT, stage_limit
from .websocket import Websocket

READ_AHEAD = 4 * RECEIVE_SIZE
"""Bytes that are read while nobody receives: pongs are seen behind some hundred messages that wait."""


@asynccontextmanager
async def open_with_trio_websocket(stream: trio.abc.Stream, terms: Terms) -> AsyncIterator[Websocket]:
    """An open WebSocket on a stream."""
    uri = terms.uri
    headers = {name.lower(): (name, value) for name, value in sendable(terms.headers)}
    _, host = headers.pop("host", ("", build_host(uri.host, uri.port, uri.secure)))

    async def connect(room: trio.Nursery, paced: PacedStream) -> WebSocketConnection:
        with stage_limit("upgrade", UPGRADE_LIMIT, f"upgrade at {uri.host}"):
            return await wrap_client_stream(
                room,
                paced,  # type: ignore[arg-type]  # any stream will do, it says itself
                host,
                uri.resource_name,
                subprotocols=terms.subprotocols,
                extra_headers=[(name.encode(), value.encode()) for name, value in headers.values()],
                message_queue_size=QUEUE_SIZE,
                max_message_size=terms.max_size,
                receive_buffer_size=RECEIVE_SIZE,
            )

    websocket = TrioWebsocket(
        stream,
        first=partial(read_agreement, stream),
        masks=True,
        read_ahead=READ_AHEAD,
        max_size=terms.max_size,
        close_grace=terms.close_grace,
    )
    async with living(websocket, connect):
        yield websocket

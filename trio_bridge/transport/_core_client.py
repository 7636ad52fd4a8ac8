"""The opening handshake of a client, by ``websockets``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.protocol import State
from websockets.typing import Subprotocol

from ..errors import HandshakeFailed
from ._headers import sendable
from ._shell import RECEIVE_SIZE, CoreWebsocket, quiet
from ._terms import Terms
from ._upgrade import cut_off, refusal
from .limits import UPGRADE_LIMIT, stage_limit
from .websocket import Websocket


@asynccontextmanager
async def open_with_core(stream: trio.abc.Stream, terms: Terms) -> AsyncIterator[Websocket]:
    """An open WebSocket on a stream."""
    core = ClientProtocol(
        terms.uri,
        extensions=[ClientPerMessageDeflateFactory(client_max_window_bits=True)] if terms.compression else None,
        subprotocols=[Subprotocol(name) for name in terms.subprotocols] or None,
        max_size=terms.max_size,
        logger=quiet,
    )
    with stage_limit("upgrade", UPGRADE_LIMIT, f"upgrade at {terms.uri.host}"):
        await upgrade(core, stream, terms)
    yield CoreWebsocket(stream, core, close_grace=terms.close_grace)


async def upgrade(core: ClientProtocol, stream: trio.abc.Stream, terms: Terms) -> None:
    """The connection is open as far as both sides are concerned.

    Raises:
      HandshakeFailed: it is not.
    """
    request = core.connect()
    for name, value in sendable(terms.headers):
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
        raise cut_off() from error
    match core.handshake_exc:
        case None:
            del core.events[0]  # the answer; what follows are frames
        case InvalidStatus(response=response):
            raise refusal(response.status_code, response.headers.raw_items(), bytes(response.body))
        case failure:
            reason = f"{failure}: {failure.__cause__}" if failure.__cause__ else str(failure)
            raise HandshakeFailed(f"upgrade: {reason}", stage="upgrade") from failure

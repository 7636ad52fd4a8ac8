"""Servers that tests connect to."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from ssl import PROTOCOL_TLS_SERVER, SSLContext

import trio
import trustme

from trio_bridge.config import Transport
from trio_bridge.errors import ConnectionLost
from trio_bridge.transport._closing import CLOSE_GRACE
from trio_bridge.transport._shell import MAX_SIZE
from trio_bridge.transport.client import open_websocket
from trio_bridge.transport.network import Network
from trio_bridge.transport.server import (
    AcceptWebsocket,
    Handler,
    HttpRequest,
    ServerWebsocket,
    serve_listener,
    serve_stream,
)
from trio_bridge.transport.websocket import Websocket
from trio_bridge.wire.protocol import Frame

AGREEMENT = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
"""The beginning of the answer."""


@asynccontextmanager
async def serving(
    network: Network, handler: Handler, *, host: str = "127.0.0.1", tls: trustme.LeafCert | None = None
) -> AsyncIterator[int]:
    """Within the block a server answers at the port that is yielded. A bug in the handler ends the test."""
    listener = await network.listen_tcp(host, 0)
    port = network.port_of(listener)
    async with trio.open_nursery() as nursery:
        if tls is None:
            nursery.start_soon(lambda: serve_listener(listener, handler, strict=True))
        else:
            context = SSLContext(PROTOCOL_TLS_SERVER)
            tls.configure_cert(context)

            async def serve(stream: trio.abc.HalfCloseableStream) -> None:
                await serve_stream(trio.SSLStream(stream, context, server_side=True, https_compatible=True), handler)

            nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield port
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def pair_over(
    network: Network,
    *,
    client: Transport,
    server: Transport,
    max_size: int = MAX_SIZE,
    close_grace: float = CLOSE_GRACE,
) -> AsyncIterator[tuple[Websocket, ServerWebsocket]]:
    """A client and the server's end of the same connection."""
    accepted_in, accepted_out = trio.open_memory_channel[ServerWebsocket](1)
    done = trio.Event()

    async def serve(websocket: ServerWebsocket) -> None:
        await accepted_in.send(websocket)
        await done.wait()

    async def handler(request: HttpRequest) -> AcceptWebsocket:
        return AcceptWebsocket(serve, max_size=max_size, close_grace=close_grace, transport=server)

    listener = await network.listen_tcp("127.0.0.1", 0)
    url = f"ws://127.0.0.1:{network.port_of(listener)}/"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_listener, listener, handler)
        async with open_websocket(
            url, network=network, max_size=max_size, close_grace=close_grace, transport=client
        ) as near:
            yield near, await accepted_out.receive()
        done.set()
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def speaking(
    network: Network, talk: Callable[[trio.abc.HalfCloseableStream], Awaitable[object]], *, host: str = "127.0.0.1"
) -> AsyncIterator[int]:
    """Within the block whoever connects is talked to, byte by byte."""
    listener = await network.listen_tcp(host, 0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, talk, [listener])
        yield network.port_of(listener)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def forwarding(network: Network, heads: list[bytes], *, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """Within the block a proxy takes everybody where they ask, and keeps what they asked."""

    async def pump(source: trio.abc.HalfCloseableStream, sink: trio.abc.HalfCloseableStream) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            async for data in source:
                await sink.send_all(bytes(data))
            await sink.send_eof()

    async def tunnel(stream: trio.abc.HalfCloseableStream) -> None:
        heads.append(head := await read_head(stream))
        place, _, port = head.split()[1].decode().rpartition(":")
        async with stream, await network.connect_tcp(place, int(port)) as onward:
            await stream.send_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pump, stream, onward)
                nursery.start_soon(pump, onward, stream)

    async with speaking(network, tunnel, host=host) as port:
        yield port


async def read_head(stream: trio.abc.Stream) -> bytes:
    """What a client said up to the empty line, or until it left."""
    head = b""
    while not head.endswith(b"\r\n\r\n") and (piece := await stream.receive_some(1)):
        head += piece
    return head


def agreement(head: bytes, more: bytes = b"") -> bytes:
    """The server's answer to an upgrade, by hand."""
    (key,) = [line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")]
    accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    return AGREEMENT + b"Sec-WebSocket-Accept: " + accept + b"\r\n" + more + b"\r\n"


async def everything(websocket: Websocket) -> tuple[list[Frame], ConnectionLost]:
    """All messages up to the end, and the end."""
    messages: list[Frame] = []
    try:
        while True:
            messages += await websocket.receive_batch()
    except ConnectionLost as end:
        return messages, end

"""Servers that tests connect to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ssl import PROTOCOL_TLS_SERVER, SSLContext

import trio
import trustme

from trio_bridge.transport.network import Network
from trio_bridge.transport.server import Handler, serve_listener, serve_stream


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
async def speaking(
    network: Network, talk: Callable[[trio.abc.HalfCloseableStream], Awaitable[object]], *, host: str = "127.0.0.1"
) -> AsyncIterator[int]:
    """Within the block whoever connects is talked to, byte by byte."""
    listener = await network.listen_tcp(host, 0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, talk, [listener])
        yield network.port_of(listener)
        nursery.cancel_scope.cancel()


async def read_head(stream: trio.abc.Stream) -> bytes:
    """What a client said up to the empty line, or until it left."""
    head = b""
    while not head.endswith(b"\r\n\r\n") and (piece := await stream.receive_some(1)):
        head += piece
    return head

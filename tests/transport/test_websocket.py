"""Our WebSocket, over memory and over sockets, in the clear and under TLS: all do what the seam says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock

from trio_bridge.errors import PeerClosed
from trio_bridge.testing.websocket import check_websocket
from trio_bridge.transport.client import open_websocket
from trio_bridge.transport.memory import MemoryNetwork, websocket_pair
from trio_bridge.transport.network import Network
from trio_bridge.transport.server import AcceptWebsocket, HttpRequest, ServerWebsocket, serve_listener
from trio_bridge.transport.tcp import SystemNetwork
from trio_bridge.transport.websocket import Websocket


@asynccontextmanager
async def pair_over(
    network: Network, *, max_size: int, close_grace: float
) -> AsyncIterator[tuple[Websocket, ServerWebsocket]]:
    """A client and the server's end of the same connection."""
    accepted_in, accepted_out = trio.open_memory_channel[ServerWebsocket](1)
    done = trio.Event()

    async def serve(websocket: ServerWebsocket) -> None:
        await accepted_in.send(websocket)
        await done.wait()

    async def handler(request: HttpRequest) -> AcceptWebsocket:
        return AcceptWebsocket(serve, max_size=max_size, close_grace=close_grace)

    listener = await network.listen_tcp("127.0.0.1", 0)
    url = f"ws://127.0.0.1:{network.port_of(listener)}/"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_listener, listener, handler)
        async with open_websocket(url, network=network, max_size=max_size, close_grace=close_grace) as near:
            yield near, await accepted_out.receive()
        done.set()
        nursery.cancel_scope.cancel()


async def test_a_bare_pair_in_memory(autojump_clock: MockClock) -> None:
    @asynccontextmanager
    async def open_pair(*, max_size: int, close_grace: float) -> AsyncIterator[tuple[Websocket, ServerWebsocket]]:
        yield websocket_pair(max_size=max_size, close_grace=close_grace)

    await check_websocket(open_pair)


async def test_a_memory_network(autojump_clock: MockClock) -> None:
    @asynccontextmanager
    async def open_pair(*, max_size: int, close_grace: float) -> AsyncIterator[tuple[Websocket, ServerWebsocket]]:
        async with pair_over(MemoryNetwork(), max_size=max_size, close_grace=close_grace) as pair:
            yield pair

    await check_websocket(open_pair)


async def test_sockets() -> None:
    @asynccontextmanager
    async def open_pair(*, max_size: int, close_grace: float) -> AsyncIterator[tuple[Websocket, ServerWebsocket]]:
        async with pair_over(SystemNetwork(), max_size=max_size, close_grace=close_grace) as pair:
            yield pair

    await check_websocket(open_pair)


async def test_a_cancelled_close_still_says_goodbye(autojump_clock: MockClock) -> None:
    near, far = websocket_pair()
    with trio.CancelScope() as scope:
        scope.cancel()
        await near.aclose(1001, "shutdown")
    with pytest.raises(PeerClosed) as caught:
        await far.receive_batch()
    assert (caught.value.code, caught.value.reason) == (1001, "shutdown")
    far.abort()


async def test_a_cancelled_close_does_not_wait_for_a_peer_that_does_not_read(autojump_clock: MockClock) -> None:
    near, far = websocket_pair()
    with trio.move_on_after(1):
        await near.send_batch([b"x" * 2**20])
    began = trio.current_time()
    with trio.CancelScope() as scope:
        scope.cancel()
        await near.aclose()
    assert trio.current_time() - began <= 0.5
    far.abort()

"""Our WebSocket, over memory and over sockets, in the clear and under TLS: all do what the seam says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from typing import get_args

import pytest
import trio
from trio.testing import MockClock

from tests.transport.servers import pair_over
from trio_bridge.config import Transport
from trio_bridge.errors import PeerClosed
from trio_bridge.testing.websocket import check_websocket
from trio_bridge.transport.memory import MemoryNetwork, websocket_pair
from trio_bridge.transport.server import ServerWebsocket
from trio_bridge.transport.tcp import SystemNetwork
from trio_bridge.transport.websocket import Websocket

LIBRARIES = get_args(Transport)

both_ends = pytest.mark.parametrize(("client", "server"), list(product(LIBRARIES, LIBRARIES)))
"""Each library as a client of each."""


async def test_a_bare_pair_in_memory(autojump_clock: MockClock) -> None:
    @asynccontextmanager
    async def open_pair(*, max_size: int, close_grace: float) -> AsyncIterator[tuple[Websocket, ServerWebsocket]]:
        yield websocket_pair(max_size=max_size, close_grace=close_grace)

    await check_websocket(open_pair)


@both_ends
async def test_a_memory_network(client: Transport, server: Transport, autojump_clock: MockClock) -> None:
    @asynccontextmanager
    async def open_pair(*, max_size: int, close_grace: float) -> AsyncIterator[tuple[Websocket, ServerWebsocket]]:
        async with pair_over(
            MemoryNetwork(), client=client, server=server, max_size=max_size, close_grace=close_grace
        ) as pair:
            yield pair

    await check_websocket(open_pair)


@both_ends
async def test_sockets(client: Transport, server: Transport) -> None:
    @asynccontextmanager
    async def open_pair(*, max_size: int, close_grace: float) -> AsyncIterator[tuple[Websocket, ServerWebsocket]]:
        async with pair_over(
            SystemNetwork(), client=client, server=server, max_size=max_size, close_grace=close_grace
        ) as pair:
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

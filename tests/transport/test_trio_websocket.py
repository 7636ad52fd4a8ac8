"""What trio-websocket would do to a connection, and does not do to ours. Each test is named after a trap."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.transport.servers import AGREEMENT, agreement, everything, pair_over, read_head, speaking
from trio_bridge.config import Transport
from trio_bridge.errors import (
    AccountRefused,
    ConnectionLost,
    HandshakeFailed,
    LocalProtocolError,
    PeerClosed,
    RemoteProtocolError,
)
from trio_bridge.transport._trio_client import READ_AHEAD
from trio_bridge.transport.client import open_websocket
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.server import AcceptWebsocket, ServerWebsocket
from trio_bridge.transport.websocket import Websocket
from trio_bridge.wire.protocol import Frame

OURS: Transport = "trio-websocket"


@asynccontextmanager
async def connected(
    network: MemoryNetwork, *, server: Transport = "websockets", max_size: int = 2**20
) -> AsyncIterator[tuple[Websocket, ServerWebsocket]]:
    """A client on trio-websocket, and a server."""
    async with pair_over(network, client=OURS, server=server, max_size=max_size) as (near, far):
        assert isinstance(far, ServerWebsocket)
        yield near, far


async def end_of(websocket: Websocket) -> ConnectionLost:
    return (await everything(websocket))[1]


# The opening handshake


@pytest.mark.parametrize("how", ["end", "reset", "reset before the request"])
async def test_trap_a_connection_that_breaks_in_the_opening_handshake_is_waited_for(
    how: str, network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    """trio-websocket sees an end and hangs; a reset it does not even see."""

    async def talk(stream: trio.abc.HalfCloseableStream) -> None:
        if how != "reset before the request":
            await read_head(stream)
        if how == "end":
            await stream.aclose()
        else:
            network.connections[0].break_()

    async with speaking(network, talk) as port:
        with pytest.raises(HandshakeFailed, match="the connection broke before the answer came") as failed:
            await open_websocket(f"ws://127.0.0.1:{port}/", network=network, transport=OURS).__aenter__()
        assert trio.current_time() == 0
        assert network.connections == []
    assert failed.value.stage == "upgrade"
    assert failed.value.__cause__ is not None


async def test_trap_it_breaks_when_it_says_what_is_wrong_with_an_answer(network: MemoryNetwork) -> None:
    async def talk(stream: trio.abc.HalfCloseableStream) -> None:
        await read_head(stream)
        await stream.send_all(AGREEMENT + b"Sec-WebSocket-Accept: bm90IHlvdXIga2V5\r\n\r\n")

    async with speaking(network, talk) as port:
        with pytest.raises(HandshakeFailed, match="Bad accept token"):
            await open_websocket(f"ws://127.0.0.1:{port}/", network=network, transport=OURS).__aenter__()


async def test_trap_it_keeps_all_that_a_refusal_says(network: MemoryNetwork) -> None:
    async def talk(stream: trio.abc.HalfCloseableStream) -> None:
        await read_head(stream)
        with suppress(trio.BrokenResourceError):
            await stream.send_all(b"HTTP/1.1 403 Forbidden\r\n\r\n")
            while True:
                await stream.send_all(b"no" * 10_000)

    async with speaking(network, talk) as port:
        with pytest.raises(HandshakeFailed, match="a body of more than 1048576 bytes"):
            await open_websocket(f"ws://127.0.0.1:{port}/", network=network, transport=OURS).__aenter__()


async def test_trap_it_has_no_compression(network: MemoryNetwork) -> None:
    """Nobody is to believe that there is some."""
    with pytest.raises(AccountRefused, match="trio-websocket can't compress") as refused:
        await open_websocket("ws://127.0.0.1/", network=network, transport=OURS, compression=True).__aenter__()
    assert refused.value.kind == "misconfigured"
    with pytest.raises(ValueError, match="trio-websocket can't compress"):
        AcceptWebsocket(end_of, transport=OURS, compression=True)  # type: ignore[arg-type]


# Receiving


async def test_trap_pongs_are_not_seen_while_nobody_receives(network: MemoryNetwork, autojump_clock: MockClock) -> None:
    """Its reader stops behind the first message that nobody takes."""
    async with connected(network) as (near, far):
        await far.send_batch(["one", "two", "three"])
        await trio.sleep(10)
        near.ping()
        await near.send_batch()
        assert await far.receive_batch() == []
        await far.send_batch()
        await wait_all_tasks_blocked()
        assert near.last_received == trio.current_time() == 10
        assert await near.receive_batch() == ["one", "two", "three"]


async def test_trap_a_queue_for_messages_has_no_bound_in_bytes(
    network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    """What is read while nobody receives is bounded, and the peer has to wait."""
    message, sent = "x" * 60_000, 0
    async with connected(network) as (near, far):
        with trio.move_on_after(100):
            while True:
                await far.send_batch([message])
                sent += 1
        assert sent * len(message) <= READ_AHEAD + 3 * 65_536
        got = len(await near.receive_batch())
        await wait_all_tasks_blocked()
        assert near.last_received == trio.current_time()  # what was taken makes room, also when nobody receives
        with trio.move_on_after(100):
            while True:
                got += len(await near.receive_batch())
        assert got == sent
        far.abort()  # a send was cut off


async def test_trap_a_message_that_is_too_large_takes_with_it_those_before(
    network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    """It closes its own queue, with all that is in there; and a ping right behind kills its reader."""
    async with connected(network, max_size=1000) as (near, far):
        before = b"".join(b"\x81\x01%c" % letter for letter in b"abcdefgh")
        await far.send_raw(before + b"\x81\x7e\x03\xe9" + b"x" * 1001 + b"\x89\x00")
        messages, end = await everything(near)
        assert messages == [*"abcdefgh"]
        assert isinstance(end, RemoteProtocolError)
        assert "a message of more than 1000 bytes" in str(end)


async def test_trap_a_peer_that_breaks_the_protocol_is_not_told(
    network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    """And it looks like one that has closed with that code."""
    async with connected(network) as (near, far):
        await far.send_raw(b"\x8f\x00")
        assert isinstance(await end_of(near), RemoteProtocolError)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(near.aclose)
            end = await end_of(far)
            assert isinstance(end, PeerClosed)
            assert end.code == 1002
            await trio.sleep(1)
            assert len(network.connections) == 1
            with pytest.raises(trio.BusyResourceError):
                await network.connections[0].client.receive_some()  # it waits for the server to hang up
            await far.aclose()
        assert trio.current_time() == 1


@pytest.mark.parametrize("reason", ["Exceeded maximum message size: 1000 bytes", ""])
async def test_trap_a_peer_that_found_our_message_too_large_looks_like_one_whose_message_was(
    reason: str, network: MemoryNetwork
) -> None:
    async with connected(network, max_size=1000) as (near, far):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(far.aclose, 1009, reason)
            end = await end_of(near)
            await near.aclose()
    assert isinstance(end, PeerClosed)
    assert (end.code, end.reason) == (1009, reason)


# Sending


async def test_trap_its_ping_waits_for_a_pong_that_never_comes(
    network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    async with connected(network) as (near, _):
        network.connections[0].silence()
        for _ in range(3):
            near.ping()
            await near.send_batch()
            await trio.sleep(20)
        assert near.last_received == 0
        begun = trio.current_time()
    assert trio.current_time() == begun + 5  # the close grace of a peer that does not answer


async def test_trap_its_reader_writes_and_so_waits_for_a_peer_that_does_not_read(
    network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    """The answer to a ping leaves with the next flush, on the task that sends."""
    async with connected(network) as (near, far):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(near.send_batch, [b"x" * 200_000])  # the server does not read it yet
            await far.send_raw(b"\x89\x02hi" + b"\x81\x06behind")
            assert await near.receive_batch() == ["behind"]
            assert near.wants_flush
            await far.receive_batch()
            nursery.start_soon(end_of, far)
            await near.send_batch()
            assert not near.wants_flush
            await near.aclose()


async def test_trap_a_failed_send_hides_what_the_peer_said_last(
    network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    async with connected(network) as (near, far):

        async def send() -> None:
            with pytest.raises(PeerClosed) as closed:
                await near.send_batch([b"x" * 200_000])
            assert closed.value.code == 4001

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            await wait_all_tasks_blocked()
            await far.send_raw(b"\x88\x02\x0f\xa1")
            far.abort()


async def test_trap_a_send_that_was_cut_off_leaves_half_a_frame_and_the_next_one_succeeds(
    autojump_clock: MockClock,
) -> None:
    async with connected(MemoryNetwork(capacity=500)) as (near, far):
        with trio.move_on_after(1) as cut:
            await near.send_batch(["x" * 1000])
        assert cut.cancelled_caught
        with pytest.raises(ConnectionLost):
            await near.send_batch(["behind half a frame"])
        begun = trio.current_time()
        await near.aclose()
        assert trio.current_time() == begun  # no close frame can follow half a frame
        assert await far.receive_batch() == []


async def test_trap_half_a_surrogate_pair_stops_the_writer(network: MemoryNetwork, autojump_clock: MockClock) -> None:
    async with connected(network) as (near, far):
        await near.send_batch(["a\ud800b", "after"])
        assert await far.receive_batch() == ["a?b", "after"]


# Closing


async def test_trap_a_ping_that_arrives_while_we_close_kills_its_reader(
    network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    """And the close frame behind it would never be seen."""
    said: list[bytes] = []

    async def talk(stream: trio.abc.HalfCloseableStream) -> None:
        await stream.send_all(agreement(await read_head(stream)))
        said.append(bytes(await stream.receive_some()))
        await stream.send_all(b"\x89\x00")
        await wait_all_tasks_blocked()
        await stream.send_all(b"\x88\x02\x0f\xa0")
        said.append(bytes(await stream.receive_some()))

    async with speaking(network, talk) as port:
        async with open_websocket(f"ws://127.0.0.1:{port}/", network=network, transport=OURS) as near:
            await near.aclose(4000)
            end = await end_of(near)
            assert not near.wants_flush
        await wait_all_tasks_blocked()
    assert isinstance(end, PeerClosed)
    assert (end.code, trio.current_time()) == (4000, 0)
    assert (said[0][0], said[1:]) == (0x88, [b""]), "nothing may be written behind a close frame"


async def test_trap_what_arrives_while_we_close_fills_the_memory(
    network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    async with connected(network) as (near, far):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(near.aclose)
            for _ in range(100):
                await trio.sleep(0.01)
                await far.send_batch(["x" * 60_000])
            await far.aclose()
        messages, end = await everything(near)
    assert messages == []
    assert isinstance(end, PeerClosed)
    assert end.code == 1000


async def test_trap_a_close_code_that_may_not_be_sent_becomes_1000(
    network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    async with connected(network) as (near, _):
        with pytest.raises(LocalProtocolError, match="close code 1006"):
            await near.aclose(1006)


async def test_trap_a_server_that_nobody_receives_from_still_answers_pings(
    network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    """Then no simulator could play a peer that is deaf."""
    async with connected(network, server=OURS) as (near, far):
        await near.send_batch(["hello"])
        assert await far.receive_batch() == ["hello"]
        with trio.move_on_after(1):
            await far.receive_batch()
        near.ping()
        await near.send_batch()
        await trio.sleep(10)
        assert (near.last_received, far.last_received) == (0, 0)
        assert await far.receive_batch() == []
        assert far.last_received == 11


async def test_trap_a_bug_behind_the_seam_cancels_whoever_uses_the_connection(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancellation without a scope would end the process: what comes out is the bug."""

    def fail(message: Frame, size: int) -> bool:
        raise KeyError("a bug")

    async def use(near: Websocket, far: ServerWebsocket) -> None:
        async with trio.open_nursery() as users:
            users.start_soon(near.receive_batch)
            users.start_soon(trio.sleep_forever)
            await far.send_batch(["hello"])

    with pytest.RaisesGroup(KeyError, flatten_subgroups=True):
        async with connected(network) as (near, far):
            monkeypatch.setattr("trio_bridge.transport._trio_websocket.is_larger", fail)
            await use(near, far)

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, check_half_closeable_stream, wait_all_tasks_blocked

from trio_bridge.errors import HandshakeFailed
from trio_bridge.transport._pipe import MemoryStream, stream_pair
from trio_bridge.transport.memory import BACKLOG, MemoryNetwork


async def connected(network: MemoryNetwork) -> tuple[MemoryStream, MemoryStream]:
    """Both ends of a connection of this network."""
    listener = await network.listen_tcp("chat.example", 0)
    near = await network.connect_tcp("chat.example", network.port_of(listener))
    return near, await listener.accept()


async def failure(network: MemoryNetwork, host: str = "chat.example", port: int = 443) -> tuple[str, float]:
    """The stage at which a connect fails, and after how long."""
    begun = trio.current_time()
    with pytest.raises(HandshakeFailed) as failed:
        await network.connect_tcp(host, port)
    return failed.value.stage, trio.current_time() - begun


async def test_a_stream_is_what_trio_calls_a_stream(autojump_clock: MockClock) -> None:
    async def free() -> tuple[MemoryStream, MemoryStream]:
        return stream_pair()

    async def clogged() -> tuple[MemoryStream, MemoryStream]:
        near, far = stream_pair(3)
        await near.send_all(b"xxx")
        await far.send_all(b"xxx")
        return near, far

    await check_half_closeable_stream(free, clogged)


async def test_a_sender_waits_for_the_reader() -> None:
    near, far = stream_pair(4)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.send_all, b"123456")
        await wait_all_tasks_blocked()
        assert await far.receive_some() == b"1234"
        await wait_all_tasks_blocked()
        assert await far.receive_some() == b"56"


async def test_readable_means_that_receiving_returns_or_fails_at_once() -> None:
    near, far = stream_pair()
    assert not far.is_readable()
    await near.send_all(b"x")
    assert far.is_readable()
    await far.receive_some()
    assert not far.is_readable()
    await near.send_eof()
    assert far.is_readable()
    near.break_()
    assert near.is_readable()


async def test_a_break_is_a_reset_for_both_ends(network: MemoryNetwork) -> None:
    near, far = await connected(network)
    await near.send_all(b"lost")
    (connection,) = network.connections
    connection.break_()
    with pytest.raises(trio.BrokenResourceError):
        await far.receive_some()
    with pytest.raises(trio.BrokenResourceError):
        await near.send_all(b"x")


async def test_in_silence_bytes_vanish_and_nobody_is_told(network: MemoryNetwork, autojump_clock: MockClock) -> None:
    near, far = await connected(network)
    await near.send_all(b"before")
    network.connections[0].silence()
    await near.send_all(b"x" * 1_000_000)
    await far.send_all(b"y")
    assert await far.receive_some() == b"before"
    near.close()
    with trio.move_on_after(3600) as hour:
        await far.receive_some()
    assert hour.cancelled_caught
    await far.send_all(b"still believes")


async def test_a_sender_that_waits_is_freed_by_silence(network: MemoryNetwork) -> None:
    near, _ = await connected(network)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.send_all, b"x" * 1_000_000)
        await wait_all_tasks_blocked()
        network.connections[0].silence()


async def test_connections_are_known_while_an_end_is_open(network: MemoryNetwork) -> None:
    near, far = await connected(network)
    assert [(each.host, each.client, each.server) for each in network.connections] == [("chat.example", near, far)]
    near.close()
    assert len(network.connections) == 1
    far.close()
    far.close()
    assert network.connections == []


async def test_loopback_has_several_names(network: MemoryNetwork) -> None:
    listener = await network.listen_tcp("127.0.0.1", 8710)
    for host in ("localhost", "127.0.0.1", "::1"):
        await network.connect_tcp(host, 8710)
        await listener.accept()


async def test_an_address_has_one_listener_at_a_time(network: MemoryNetwork) -> None:
    first = await network.listen_tcp("127.0.0.1", 8710)
    with pytest.raises(OSError, match="in use"):
        await network.listen_tcp("localhost", 8710)
    await first.aclose()
    await network.listen_tcp("localhost", 8710)
    assert network.port_of(await network.listen_tcp("127.0.0.1", 0)) != network.port_of(
        await network.listen_tcp("127.0.0.1", 0)
    )


async def test_nobody_listening_is_a_refusal(network: MemoryNetwork, autojump_clock: MockClock) -> None:
    assert await failure(network) == ("tcp", 0)


async def test_faults_hold_within_their_block_and_for_their_host(
    network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    await network.listen_tcp("chat.example", 443)
    with network.without_name("chat.example"):
        assert await failure(network) == ("dns", 0)
    with network.without_resolver():
        assert await failure(network) == ("dns", 5)
    with network.blackhole():
        assert await failure(network) == ("tcp", 10)
        with network.refusing():
            assert await failure(network) == ("tcp", 0)
    with network.refusing("other.example"):
        await network.connect_tcp("chat.example", 443)
    assert len(network.connections) == 1


async def test_a_full_backlog_does_not_answer(network: MemoryNetwork, autojump_clock: MockClock) -> None:
    listener = await network.listen_tcp("chat.example", 443)
    waiting = [await network.connect_tcp("chat.example", 443) for _ in range(BACKLOG)]
    assert await failure(network) == ("tcp", 10)
    assert [each.client for each in network.connections] == waiting
    assert await listener.accept() is network.connections[0].server


async def test_a_listener_that_closes_resets_who_was_not_accepted(network: MemoryNetwork) -> None:
    listener = await network.listen_tcp("chat.example", 443)
    streams: list[MemoryStream] = []

    async def connect() -> None:
        streams.append(await network.connect_tcp("chat.example", 443))

    async with trio.open_nursery() as nursery:
        for _ in range(BACKLOG + 3):
            nursery.start_soon(connect)
        await wait_all_tasks_blocked()
        await listener.aclose()
    for stream in streams:
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()
    with pytest.raises(trio.ClosedResourceError):
        await listener.accept()


async def test_a_listener_of_another_network_has_no_port_here(network: MemoryNetwork) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        with pytest.raises(TypeError):
            network.port_of(listener)

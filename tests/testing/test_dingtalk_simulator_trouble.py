"""The simulator breaking connections and refusing calls on purpose."""

import json

import pytest
import trio

from tests.testing.world import APP, OTHER, SECRET, closing, read, simulated, upgrade
from trio_bridge.errors import HandshakeFailed
from trio_bridge.platforms.dingtalk.gateway.rest import OPEN
from trio_bridge.transport.client import open_websocket
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.tcp import SystemNetwork

# Leaving and breaking.


async def test_after_disconnect_the_new_connection_gets_everything_and_the_old_one_ends_in_ten_seconds(autojump_clock):
    async with simulated() as world, world.connected() as old:
        begun = trio.current_time()
        world.sim.disconnect("connection is expired")
        (notice,) = await read(old)
        assert json.loads(notice["data"]) == {"reason": "connection is expired"}
        async with world.connected() as new:
            for _ in range(20):
                await world.sim.say("hi")
            await read(new, 20)
            assert await closing(old) == 1006
            assert trio.current_time() - begun == pytest.approx(10)
            assert len(world.sim.connections) == 1
    assert world.sim.ledger.faults == []


@pytest.mark.parametrize("network", [MemoryNetwork, SystemNetwork])
@pytest.mark.parametrize(("how", "code"), [("close", 4001), ("fin", 1006), ("rst", 1006)])
async def test_connections_can_be_ended_in_three_ways(network, how, code):
    async with simulated(network()) as world, world.connected() as websocket:
        connection = await world.sim.next_connection()
        world.sim.drop_connections(how, code=4001, reason="test")
        assert await closing(websocket) == code
        await world.sim.wait_until(lambda: not connection.live)
    assert world.sim.connections == ()


async def test_only_the_connections_of_one_app_can_be_dropped(world):
    world.sim.add_app(OTHER, SECRET)
    async with world.connected() as ours, world.connected(OTHER):
        world.sim.drop_connections(client_id=APP)
        await closing(ours)
        assert [connection.client_id for connection in world.sim.connections] == [OTHER]


async def test_a_client_that_leaves_is_noticed(world):
    async with world.connected():
        connection = await world.sim.next_connection()
        assert world.sim.connections == (connection,)
    await world.sim.wait_until(lambda: not connection.live)
    assert connection.closed_by_client == 1000
    assert world.sim.opened == [connection]


async def test_a_client_that_is_torn_off_is_noticed(world):
    async with world.connected() as websocket:
        connection = await world.sim.next_connection()
        websocket.abort()
        await world.sim.wait_until(lambda: not connection.live)
    assert connection.closed_by_client == 1006


@pytest.mark.parametrize("network", [MemoryNetwork, SystemNetwork])
async def test_a_deaf_connection_neither_answers_nor_ends_and_new_ones_are_sound(network):
    async with simulated(network()) as world, world.connected() as websocket:
        old = await world.sim.next_connection()
        with world.sim.deaf():
            websocket.ping()
            await websocket.send_batch()
            old.ping()
            await world.sim.say("lost")
            async with world.connected() as sound:
                sound.ping()
                await sound.send_batch()
                await sound.receive_batch()  # the pong
                assert old.live
                assert websocket.last_received < sound.last_received
            await trio.testing.wait_all_tasks_blocked()
        assert await websocket.receive_batch() == []  # the pong, late; what was said meanwhile is lost
        await websocket.send_batch()
        assert old.pings[0].answered_at is None
        await world.sim.say("hi")
        (frame,) = await read(websocket)
        assert json.loads(frame["data"])["text"]["content"] == "hi"


async def test_a_deaf_connection_does_not_notice_that_its_client_left(autojump_clock):
    async with simulated() as world:
        async with world.connected() as websocket:
            old = await world.sim.next_connection()
            scope = world.sim.deaf()
            scope.__enter__()
            websocket.abort()
        async with world.connected():
            await trio.sleep(100)
            assert old.live
            scope.__exit__(None, None, None)
            await world.sim.wait_until(lambda: not old.live)
    assert world.sim.ledger.faults == []


async def test_a_deaf_connection_can_still_be_dropped(world):
    async with world.connected() as websocket:
        with world.sim.deaf():
            world.sim.drop_connections("rst")
            assert await closing(websocket) == 1006


async def test_two_connections_for_more_than_15_seconds_are_found_out(autojump_clock):
    async with simulated() as world, world.connected(), world.connected():
        await trio.sleep(15.1)
        assert [fault.kind for fault in world.sim.ledger.faults] == ["two_connections"]


async def test_our_answer_to_a_close_can_be_late(autojump_clock):
    async with simulated() as world:
        world.sim.answer_close_after(2)
        async with world.connected(close_grace=5):
            begun = trio.current_time()
        assert trio.current_time() - begun == pytest.approx(2)
        async with world.connected(close_grace=1):
            begun = trio.current_time()
        assert trio.current_time() - begun == pytest.approx(1)


async def test_a_client_that_vanishes_before_it_hears_of_its_connection_leaves_nothing_behind():
    async with simulated(MemoryNetwork(capacity=64)) as world:
        stream = await world.stream()
        await stream.send_all(upgrade(await world.ticket()))
        connection = await world.sim.next_connection()
        await trio.testing.wait_all_tasks_blocked()  # our answer does not fit into the pipe
        stream.break_()
        await world.sim.wait_until(lambda: not connection.live)
        assert world.sim.connections == ()


async def test_a_broken_protocol_is_a_fault_and_ends_the_connection(autojump_clock):
    async with simulated() as world:
        url = await world.ticket()
        async with await world.stream() as stream:
            await stream.send_all(upgrade(url) + b"\x81\x02{}")  # a text frame without a mask
            await world.sim.wait_until(lambda: world.sim.ledger.faults)
            reply = b"".join([chunk async for chunk in stream])
    assert [fault.kind for fault in world.sim.ledger.faults] == ["protocol_broken"]
    assert reply.partition(b"\r\n\r\n")[2][:4] == b"\x88" + reply.partition(b"\r\n\r\n")[2][1:2] + b"\x03\xea"  # 1002


# Open calls and upgrades that go wrong.


async def test_open_calls_can_be_refused(world):
    with world.sim.refusing(503, "<html>", content_type="text/html"):
        reply = await world.raw(b"POST " + OPEN.encode() + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert reply.startswith(b"HTTP/1.1 503 ")
        assert b"text/html" in reply
        assert reply.endswith(b"<html>")
    with world.sim.refusing():
        assert (await world.post(OPEN, {}))[1]["code"] == "authFailed"
    async with world.connected():
        pass
    assert [call.status for call in world.sim.open_calls] == [503, 401, 200]


async def test_open_calls_can_hang(autojump_clock):
    async with simulated() as world:
        with world.sim.hanging_open_calls(), trio.move_on_after(1000) as patience:
            await world.ticket()
        assert patience.cancelled_caught
        async with world.connected():
            pass
    assert [call.status for call in world.sim.open_calls] == [0, 200]


async def test_upgrades_can_be_refused_and_the_ticket_stays_good(world):
    url = await world.ticket()
    with world.sim.refusing_upgrades(502), pytest.raises(HandshakeFailed) as refusal:
        async with open_websocket(url, network=world.network):
            pass
    assert refusal.value.status == 502
    async with open_websocket(url, network=world.network):
        pass


async def test_upgrades_can_hang(autojump_clock):
    async with simulated() as world:
        with world.sim.hanging_upgrades(), pytest.raises(HandshakeFailed, match="no answer within"):
            async with world.connected():
                pass


async def test_connections_can_be_closed_as_soon_as_they_are_open(world):
    with world.sim.accept_then_close(code=4002):
        for _ in range(2):
            async with world.connected() as websocket:
                assert await closing(websocket) == 4002
    async with world.connected():
        assert len(world.sim.connections) == 1
    assert len(world.sim.opened) == 3

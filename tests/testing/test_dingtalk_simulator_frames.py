"""How the simulator sends frames: as it likes, and many of them."""

import json

import attrs
import pytest
import trio

from tests.testing.world import APP, ack, acknowledge, read, simulated, upgrade
from trio_bridge.errors import RemoteProtocolError
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.tcp import SystemNetwork

# How frames are sent.


async def test_frames_can_come_as_binary_messages(world):
    async with world.connected() as websocket:
        with world.sim.sending_binary():
            await world.sim.say("ä")
        await world.sim.say("ö")
        frames = []
        while len(frames) < 2:
            frames += await websocket.receive_batch()
    assert [type(frame) for frame in frames] == [bytes, str]


async def test_frames_can_come_in_fragments(world):
    stream = await world.stream()
    url = await world.ticket()
    async with stream:
        await stream.send_all(upgrade(url))
        await world.sim.next_connection()
        with world.sim.fragmenting(4):
            world.sim.push_frame('"äöü"')
        await trio.testing.wait_all_tasks_blocked()
        frames = (await stream.receive_some()).partition(b"\r\n\r\n")[2]
    data = '"äöü"'.encode()
    assert frames == b"\x01\x04" + data[:4] + b"\x80\x04" + data[4:]


async def test_bytes_can_be_sent_that_are_no_good_frame(world):
    async with world.connected() as websocket:
        world.sim.push_frame("before")
        world.sim.connections[0].send_raw(b"\x81\x02\xff\xff")  # text that is not UTF-8
        assert await websocket.receive_batch() == ["before"]
        with pytest.raises(RemoteProtocolError):
            await websocket.receive_batch()


async def test_pings_and_notices(world):
    async with world.connected() as websocket:
        connection = await world.sim.next_connection()
        ping = connection.ping("opaque-1")
        connection.notify("KEEPALIVE")
        frames = await read(websocket, 2)
        assert [frame["headers"]["topic"] for frame in frames] == ["ping", "KEEPALIVE"]
        await websocket.send_batch([ack(frames[0], frames[0]["data"])])
        await world.sim.wait_until(lambda: ping.answered_at is not None)
    assert connection.pings == (ping,)
    assert json.loads(ping.data) == {"opaque": "opaque-1"}
    assert world.sim.ledger.faults == []


@pytest.mark.parametrize("compression", [True, False])
async def test_compression_is_taken_if_the_simulator_has_it(compression):
    async with simulated(compression=compression) as world, world.connected(compression=True) as websocket:
        await world.sim.say("x" * 1000)
        (frame,) = await read(websocket)
    assert "x" * 1000 in frame["data"]


# Many messages.


@pytest.mark.parametrize("network", [MemoryNetwork, SystemNetwork])
async def test_a_flood_is_counted_to_the_last_drop(network):
    async with simulated(network()) as world, world.connected() as websocket, trio.open_nursery() as nursery:
        nursery.start_soon(acknowledge, websocket)
        pushed = await world.sim.flood(5000)
        await world.sim.wait_until(lambda: world.sim.ledger.summary().acked == 5000)
        nursery.cancel_scope.cancel()
    assert len({each.key for each in pushed}) == 5000
    assert len({each.letter.session for each in pushed}) == 5000
    summary = world.sim.ledger.summary(APP)
    assert (summary.pushed, summary.deliveries, summary.unacked, summary.faults) == (5000, 5000, 0, 0)


async def test_a_flood_waits_for_a_client_that_does_not_read(world):
    async with world.connected() as websocket, trio.open_nursery() as nursery:
        nursery.start_soon(world.sim.flood, 50_000)
        await trio.testing.wait_all_tasks_blocked()
        stuck = world.sim.ledger.summary().pushed
        assert stuck < 5000
        nursery.start_soon(acknowledge, websocket)
        await world.sim.wait_until(lambda: world.sim.ledger.summary().pushed > stuck + 1000)
        nursery.cancel_scope.cancel()


async def test_a_flood_keeps_its_rate(autojump_clock):
    async with simulated() as world, world.connected() as websocket, trio.open_nursery() as nursery:
        nursery.start_soon(acknowledge, websocket)
        pushed = await world.sim.flood(301, rate=3)
        nursery.cancel_scope.cancel()
    assert [each.at - pushed[0].at for each in pushed] == pytest.approx([number / 3 for number in range(301)])


async def test_a_flood_says_what_it_is_told_to_and_looks_like_any_message(world):
    async with world.connected() as websocket:
        flood = await world.sim.flood(2, sender="staff0009", conversation="cidGROUP", words="number {}".format)
        said = await world.sim.say("number 1", sender="staff0009", conversation="cidGROUP")
        frames = await read(websocket, 3)
    one, other = (json.loads(frame["data"]) for frame in frames[1:])
    different = {name for name in one if one[name] != other[name]}
    assert one.keys() == other.keys()
    assert different <= {"msgId", "sessionWebhook", "createAt", "sessionWebhookExpiredTime"}
    assert attrs.evolve(flood[1].letter, data="", key="", session="") == attrs.evolve(
        said.letter, data="", key="", session=""
    )
    assert f"session={flood[1].letter.session}" in one["sessionWebhook"]

"""What can go wrong at the simulated Feishu, by name."""

import json

import pytest
import trio

from tests.testing.feishu_client import APP, DISCOVER, PING, SECRET, Heard, closing, fields_in, read, simulated
from trio_bridge.errors import PeerClosed, RemoteProtocolError
from trio_bridge.gateways.calls import Answer, Script
from trio_bridge.testing.feishu import UpgradeRefusal
from trio_bridge.transport.client import open_websocket
from trio_bridge.transport.websocket import UpgradeRefused


@pytest.fixture
async def world():
    async with simulated() as world:
        yield world


# Connections.


@pytest.mark.parametrize(("how", "code"), [("rst", 1006), ("fin", 1006), ("close", 1001), ("close", 4321)])
async def test_connections_can_be_ended_in_every_way(world, how, code):
    async with world.connected() as websocket:
        world.sim.drop_connections(how, code=code if how == "close" else 1000, reason="bye")
        with pytest.raises(PeerClosed) as closed:
            await websocket.receive_batch()
        assert closed.value.code == code
        await world.sim.wait_until(lambda: not world.sim.connections)
    assert [line.what for line in world.sim.transcript.lines][-1] == "closed"


async def test_a_connection_that_was_dropped_before_it_began_is_dropped(world):
    url = await world.address()
    with world.sim.accept_then_close(code=1013):
        async with open_websocket(url, network=world.network) as websocket:
            assert await closing(websocket) == 1013


async def test_a_half_open_connection_hears_nothing_and_loses_what_is_said(autojump_clock):
    async with simulated() as world, world.connected() as websocket:
        with world.sim.half_open():
            await websocket.send_batch([PING])
            lost = await world.sim.say("lost")
            with trio.move_on_after(2) as patience:
                await websocket.receive_batch()
            assert patience.cancelled_caught
        said = await world.sim.say("said")
        heard = await read(websocket, 2)
        kinds = {frame.header("type") for frame in heard}
        assert kinds == {"pong", "event"}
        (event,) = (frame for frame in heard if frame.header("type") == "event")
        assert event.payload == said.letter.data
        (again,) = await read(websocket)
        assert again.payload == lost.letter.data


async def test_behind_a_stall_everything_comes(autojump_clock):
    async with simulated() as world, world.connected() as websocket:
        with world.sim.stalled():
            await websocket.send_batch([PING])
            pushed = await world.sim.say("late")
            with trio.move_on_after(2) as patience:
                await websocket.receive_batch()
            assert patience.cancelled_caught
        heard = await read(websocket, 2)
    assert {frame.payload for frame in heard} >= {pushed.letter.data}


async def test_a_client_that_leaves_is_known_by_its_code(world):
    async with world.connected() as websocket:
        connection = await world.sim.next_connection()
        await websocket.aclose(1000)
    assert connection.closed_by_client == 1000
    assert not connection.live


async def test_a_client_may_have_to_wait_for_the_answer_to_its_close(autojump_clock):
    async with simulated() as world:
        world.sim.answer_close_after(3)
        async with world.connected() as websocket:
            begun = trio.current_time()
            await websocket.aclose(1000)
            assert trio.current_time() - begun == 3


async def test_bytes_can_be_sent_that_are_no_good_frame(world):
    async with world.connected() as websocket:
        world.sim.connections[0].send_raw(b"\xff\xff")
        with pytest.raises(RemoteProtocolError):
            await websocket.receive_batch()
        await websocket.aclose()


async def test_a_client_that_breaks_websocket_is_at_fault(world):
    url = await world.address()
    async with await world.stream() as stream:
        target = url.partition("/ws/v2")[2]
        await stream.send_all(
            f"GET /ws/v2{target} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        await stream.receive_some()
        await stream.send_all(b"\xff\xff")
        await world.sim.wait_until(lambda: bool(world.sim.ledger.faults))
    assert world.faults() == ["protocol_broken"]


# The call for an address.


@pytest.mark.parametrize("data", [True, False])
async def test_addresses_can_be_refused_with_any_code(world, data):
    with world.sim.refusing(1000040343, "internal error", data=data):
        assert await world.discover() == {"code": 1000040343, "msg": "internal error"} | (
            {"data": {"URL": ""}} if data else {}
        )
    assert (await world.discover())["code"] == 0


async def test_any_answer_can_be_given_instead_of_an_address(world):
    away = Answer(status=302, headers={"Location": "http://elsewhere/"})
    world.sim.script(DISCOVER, away, Answer(status=429, headers={"Retry-After": "7"}), Answer(body="no json"))
    status, headers, _ = await world.post(DISCOVER, {})
    assert (status, headers["location"]) == (302, "http://elsewhere/")
    status, headers, _ = await world.post(DISCOVER, {})
    assert (status, headers["retry-after"]) == (429, "7")
    assert (await world.post(DISCOVER, {}))[2] == b"no json"
    world.sim.script(DISCOVER, Script(answer=Answer(ending="swallow"), carried_out=True))
    call = json.dumps({"AppID": APP, "AppSecret": SECRET})
    head = f"POST {DISCOVER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(call)}\r\n\r\n"
    assert await world.raw((head + call).encode()) == b""
    assert [call.code for call in world.sim.discoveries] == [0]


async def test_an_address_may_fail_to_come_or_come_late(autojump_clock):
    async with simulated() as world:
        with world.sim.hanging_discovery(), trio.move_on_after(3600) as patience:
            await world.address()
        assert patience.cancelled_caught
        begun = trio.current_time()
        with world.sim.answering_late(20):
            await world.address()
        assert trio.current_time() - begun == 20
        assert world.sim.discoveries[0].at == begun


# Upgrades.


async def test_upgrades_can_be_refused_in_so_many_words(world):
    limit = UpgradeRefusal(400, {"Handshake-Status": "514", "Handshake-Autherrcode": "1000040350"})
    world.sim.refuse_upgrades(limit, UpgradeRefusal(503, body=b"busy"))
    url = await world.address()
    seen = []
    for _ in range(2):
        with pytest.raises(UpgradeRefused) as refusal:
            async with open_websocket(url, network=world.network):
                pass
        seen.append((refusal.value.status, refusal.value.headers.get("handshake-autherrcode"), refusal.value.body))
    assert seen == [(400, "1000040350", b""), (503, None, b"busy")]
    with world.sim.refusing_upgrades(403, {"Handshake-Status": "403"}), pytest.raises(UpgradeRefused) as refusal:
        async with open_websocket(url, network=world.network):
            pass
    assert refusal.value.headers["handshake-status"] == "403"
    async with open_websocket(url, network=world.network):
        pass
    assert world.sim.counts.handshakes == {400: 1, 503: 1, 403: 1, 101: 1}


async def test_an_upgrade_may_fail_to_come_or_come_late(autojump_clock):
    async with simulated() as world:
        url = await world.address()
        with world.sim.hanging_upgrades(), trio.move_on_after(10) as patience:
            async with open_websocket(url, network=world.network):
                pass
        assert patience.cancelled_caught
        begun = trio.current_time()
        with world.sim.late_upgrades(5):
            async with open_websocket(url, network=world.network):
                assert trio.current_time() - begun == 5


async def test_an_upgrade_that_is_none_leaves_the_ticket_good(world):
    url = await world.address()
    target = url.partition("/ws/v2")[2]
    answer = await world.raw(f"GET /ws/v2{target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 426 ")
    async with open_websocket(url, network=world.network):
        pass


@pytest.mark.parametrize("compression", [True, False])
async def test_compression_is_taken_if_the_simulator_has_it(compression):
    async with simulated(compression=compression) as world:
        pushed = await world.sim.say("x" * 1000)
        async with world.connected(compression=True) as websocket:
            (message,) = await websocket.receive_batch()
    assert Heard(fields_in(message)).payload == pushed.letter.data

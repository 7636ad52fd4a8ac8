"""The Feishu simulator while all goes well: addresses, events, acknowledgements, presses."""

import json

import pytest
import trio

from tests.testing.feishu_client import (
    APP,
    DISCOVER,
    OTHER,
    PING,
    SECRET,
    acknowledge,
    header,
    query_of,
    read,
    simulated,
    written,
)
from trio_bridge.errors import PeerClosed
from trio_bridge.platforms.feishu.gateway.model import Rules
from trio_bridge.transport.client import open_websocket
from trio_bridge.transport.tcp import SystemNetwork
from trio_bridge.transport.websocket import UpgradeRefused

CONFIG = {"ReconnectCount": -1, "ReconnectInterval": 1, "ReconnectNonce": 1, "PingInterval": 2}

# Addresses.


@pytest.fixture
async def world():
    async with simulated() as world:
        yield world


async def test_an_address_has_a_ticket_in_it_and_says_how_to_behave(world):
    said = await world.discover()
    assert (said["code"], said["msg"]) == (0, "")
    assert said["data"]["ClientConfig"] == CONFIG
    url = said["data"]["URL"]
    assert url.startswith(world.sim.url.replace("http", "ws", 1) + "/ws/v2?")
    names = [name for name, _ in query_of(url)]
    assert names == ["fpid", "aid", "device_id", "access_key", "service_id", "ticket"]
    query = dict(query_of(url))
    assert len(query["device_id"]) == 19
    assert query["service_id"] == "33554678"
    assert await world.address() != url


@pytest.mark.parametrize("secret", [SECRET, "wrong"])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"AppID": OTHER, "AppSecret": "x"}, 1000040346),
        ({"AppID": APP}, 1000040344),
        ({"AppID": "", "AppSecret": "x"}, 1000040344),
        ({"AppID": 3, "AppSecret": ["x"]}, 1000040344),
        (b"not json", 1000040344),
        (b"[]", 1000040344),
    ],
    ids=range(6),
)
async def test_whoever_may_not_connect_is_told_a_code_with_status_200(world, body, code, secret):
    status, _, answer = await world.post(DISCOVER, body)
    assert status == 200
    assert json.loads(answer)["code"] == code
    assert json.loads(answer)["data"] == {"URL": ""}
    assert (await world.discover(secret=secret))["code"] == (0 if secret == SECRET else 1000040345)
    assert [call.code for call in world.sim.discoveries] == [code, 0 if secret == SECRET else 1000040345]


async def test_anybody_may_be_let_in():
    async with simulated(rules=Rules(any_credentials=True)) as world:
        async with world.connected():
            assert (await world.discover(OTHER, "whatever"))["code"] == 0
        assert set(world.sim.directory.apps) == {APP, OTHER}


@pytest.mark.parametrize("path", ["/open-apis/callback/ws/endpoint", "/callback/ws/endpoints", "/"])
async def test_another_path_is_not_found(world, path):
    status, headers, body = await world.post(path, {"AppID": APP, "AppSecret": SECRET})
    assert (status, headers["content-type"], body) == (404, "text/plain", b"404 page not found")


async def test_the_client_config_may_be_another_or_missing(world):
    world.sim.rules = Rules(client_config={"PingInterval": 7})
    assert (await world.discover())["data"]["ClientConfig"] == {"PingInterval": 7}
    world.sim.rules = Rules(client_config=None)
    assert "ClientConfig" not in (await world.discover())["data"]


# Tickets.


async def refused(world, url):
    with pytest.raises(UpgradeRefused) as refusal:
        async with open_websocket(url, network=world.network):
            pass
    return refusal.value


async def test_a_ticket_opens_one_connection(world):
    url = await world.address()
    async with open_websocket(url, network=world.network):
        connection = await world.sim.next_connection()
        assert (connection.app_id, connection.id) == (APP, dict(query_of(url))["device_id"])
        refusal = await refused(world, url)
    assert refusal.status == 400
    assert refusal.headers["handshake-status"] == "514"
    assert refusal.headers["handshake-autherrcode"] == "1000040346"
    assert refusal.headers["handshake-msg"]
    assert world.sim.counts.handshakes == {101: 1, 400: 1}


async def test_a_ticket_is_for_its_own_device(world):
    url, other = await world.address(), await world.address()
    device, other_device = (dict(query_of(each))["device_id"] for each in (url, other))
    assert (await refused(world, url.replace(device, other_device))).status == 400
    assert (await refused(world, world.sim.url.replace("http", "ws") + "/ws/v2")).status == 400


async def test_a_ticket_lives_for_a_minute(autojump_clock):
    async with simulated() as world:
        first, second = await world.address(), await world.address()
        await trio.sleep(59.9)
        async with open_websocket(first, network=world.network):
            pass
        await trio.sleep(0.1)
        assert (await refused(world, second)).status == 400


async def test_an_app_has_so_many_connections_wherever_it_asks():
    async with simulated(rules=Rules(max_connections=2)) as world:
        spare = await world.address()
        async with world.connected(), world.connected():
            assert (await world.discover())["code"] == 1000040350
            refusal = await refused(world, spare)
            assert (refusal.headers["handshake-status"], refusal.headers["handshake-autherrcode"]) == (
                "514",
                "1000040350",
            )
            world.sim.add_app(OTHER, SECRET)
            assert (await world.discover(OTHER))["code"] == 0
        await world.sim.wait_until(lambda: not world.sim.connections)
        assert (await world.discover())["code"] == 0
    assert world.sim.counts.most_connections[APP] == 2


# Pings.


async def test_a_ping_is_answered_with_the_client_config(world):
    async with world.connected() as websocket:
        await websocket.send_batch([PING])
        (pong,) = await read(websocket)
        assert [pong.number(field) for field in (1, 2, 3, 4)] == [0, 0, 33554678, 0]
        assert pong.headers == [("type", "pong")]
        assert pong.event == CONFIG
        assert len(world.sim.connections[0].pings) == world.sim.counts.pings == 1
    assert world.faults() == []


@pytest.mark.parametrize(
    ("pong", "payload"),
    [({"PingInterval": 9}, b'{"PingInterval":9}'), (b"nonsense", b"nonsense"), (b"", b""), ("none", None)],
    ids=["mapping", "bytes", "empty", "none"],
)
async def test_a_pong_may_say_anything(pong, payload):
    async with simulated(rules=Rules(pong=pong)) as world, world.connected() as websocket:
        await websocket.send_batch([PING])
        (heard,) = await read(websocket)
    assert heard.payload == payload


async def test_a_pong_may_fail_to_come(autojump_clock):
    async with simulated(rules=Rules(pong="off")) as world, world.connected() as websocket:
        await websocket.send_batch([PING])
        with trio.move_on_after(3600) as patience:
            await websocket.receive_batch()
    assert patience.cancelled_caught


# Events and what becomes of them.


async def test_an_event_is_pushed_acknowledged_and_counted(world):
    async with world.connected() as websocket:
        pushed = await world.sim.say("hello 好")
        (frame,) = await read(websocket)
        await websocket.send_batch([frame.ack()])
        await world.sim.wait_acked(pushed)
    event = frame.event
    assert event["header"]["event_id"] == pushed.key
    assert json.loads(event["event"]["message"]["content"]) == {"text": "hello 好"}
    record = world.sim.ledger.record(pushed)
    assert record.settled
    assert [ack.verdict for ack in record.acks] == ["accepted"]
    summary = world.sim.ledger.summary()
    assert (summary.pushed, summary.deliveries, summary.acked, summary.unacked) == (1, 1, 1, 0)
    assert world.sim.counts.acks == {200: 1}
    assert world.faults() == []


async def test_what_was_acknowledged_never_comes_again(autojump_clock):
    async with simulated() as world, world.connected() as websocket:
        pushed = await world.sim.say("hello")
        (frame,) = await read(websocket)
        await websocket.send_batch([frame.ack()])
        await trio.sleep(100_000)
    record = world.sim.ledger.record(pushed)
    assert (len(record.deliveries), record.given_up) == (1, False)


async def test_a_frame_has_its_headers_in_order_and_numbers_that_need_all_their_bits(autojump_clock):
    async with simulated(wall=lambda: 1_795_161_745.0 + trio.current_time()) as world, world.connected() as websocket:
        for _ in range(20):
            world.sim.event("im.chat.updated_v1", {})
        frames = await read(websocket, 20)
    names = ["biz_type", "timestamp", "type", "message_id", "sum", "seq", "trace_id", "instance_id"]
    for frame in frames:
        assert [name for name, _ in frame.headers] == names
        assert frame.number(9).decode() == frame.header("trace_id")
        assert (frame.header("type"), frame.header("sum"), frame.header("seq")) == ("event", "1", "0")
        assert (frame.number(3), frame.number(4)) == (33554678, 1)
    assert frames[0].header("timestamp") == "1795161745000"
    numbers = [frame.number(2) for frame in frames]
    assert len(set(numbers)) == 20
    assert 2**58 < max(numbers) < 2**60
    assert any(int(float(number)) != number for number in numbers)
    assert len({frame.header("message_id") for frame in frames}) == 20


async def test_what_is_not_acknowledged_comes_again_by_the_ladder(autojump_clock):
    async with simulated() as world, world.connected() as websocket:
        begun = trio.current_time()
        pushed = await world.sim.say("hello")
        frames, times = [], []
        for _ in range(5):
            frames += await read(websocket)
            times.append(trio.current_time() - begun)
        await world.sim.wait_until(lambda: world.sim.ledger.record(pushed).given_up)
        assert trio.current_time() - begun == times[-1] + 3
    assert times == [0, 18, 18 + 303, 18 + 303 + 3603, 18 + 303 + 3603 + 21603]
    assert {frame.payload for frame in frames} == {pushed.letter.data}
    for field in (1, 2, 9):
        assert len({frame.number(field) for frame in frames}) == 5
    assert len({frame.header("message_id") for frame in frames}) == 5
    summary = world.sim.ledger.summary()
    assert (summary.deliveries, summary.redelivered, summary.given_up, summary.unacked) == (5, 1, 1, 1)
    assert world.sim.counts.redeliveries == 4


async def test_code_500_asks_for_it_again(autojump_clock):
    async with simulated(rules=Rules(ladder=(0.5,))) as world, world.connected() as websocket:
        pushed = await world.sim.say("hello")
        (frame,) = await read(websocket)
        begun = trio.current_time()
        await websocket.send_batch([frame.ack(500)])
        (frame,) = await read(websocket)
        assert trio.current_time() - begun == 0.5
        await websocket.send_batch([frame.ack()])
        await world.sim.wait_acked(pushed)
        await trio.sleep(100)
    assert [ack.verdict for ack in world.sim.ledger.record(pushed).acks] == ["refused", "accepted"]
    assert world.sim.ledger.summary().deliveries == 2


async def test_a_late_acknowledgement_does_not_keep_it_from_coming_again(autojump_clock):
    async with simulated() as world, world.connected() as websocket:
        pushed = await world.sim.say("hello")
        (frame,) = await read(websocket)
        await trio.sleep(3.5)
        await websocket.send_batch([frame.ack()])
        (again,) = await read(websocket)
        await websocket.send_batch([again.ack()])
        await world.sim.wait_acked(pushed)
    assert [ack.verdict for ack in world.sim.ledger.record(pushed).acks] == ["late", "accepted"]
    assert world.sim.ledger.summary().late == 1
    assert world.faults() == []


async def test_each_event_goes_to_one_connection_by_chance(world):
    async with world.connected() as one, world.connected() as other, trio.open_nursery() as nursery:
        nursery.start_soon(acknowledge, one)
        nursery.start_soon(acknowledge, other)
        for number in range(40):
            await world.sim.say(str(number))
        await world.sim.wait_until(lambda: world.sim.ledger.summary().acked == 40)
        nursery.cancel_scope.cancel()
    homes = [record.deliveries[0].connection for record in world.sim.ledger.records()]
    assert len(homes) == 40
    assert 10 < homes.count(homes[0]) < 30
    assert world.faults() == []


async def test_a_duplicate_is_another_delivery(world):
    async with world.connected() as websocket:
        pushed = await world.sim.say("hello")
        (frame,) = await read(websocket)
        assert world.sim.duplicate(pushed)
        (again,) = await read(websocket)
    assert again.payload == frame.payload
    assert again.header("message_id") != frame.header("message_id")
    assert not world.sim.duplicate(pushed)


# Before anybody is there.


@pytest.mark.parametrize("transport", ["websockets", "trio-websocket"])
async def test_what_waited_comes_in_one_write_with_the_answer_to_the_upgrade(transport):
    async with simulated(transport=transport) as world:
        pushed = [await world.sim.say(str(number)) for number in range(5)]
        target = (await world.address()).partition("/ws/v2")[2]
        async with await world.stream() as stream:
            await stream.send_all(
                f"GET /ws/v2{target} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
            )
            answer = bytes(await stream.receive_some())
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert [answer.count(each.letter.data) for each in pushed] == [1] * 5


async def test_what_waited_may_come_after_the_first_ping_instead(autojump_clock):
    async with simulated(rules=Rules(early=False)) as world:
        await world.sim.say("hello")
        async with world.connected() as websocket:
            with trio.move_on_after(60) as patience:
                await websocket.receive_batch()
            assert patience.cancelled_caught
            await websocket.send_batch([PING])
            assert {frame.header("type") for frame in await read(websocket, 2)} == {"pong", "event"}


async def test_what_nobody_hears_may_be_lost(autojump_clock):
    async with simulated(rules=Rules(keep=False)) as world:
        await world.sim.say("hello")
        async with world.connected():
            await trio.sleep(100_000)
    assert world.sim.ledger.summary().undelivered == 1


async def test_what_comes_again_waits_for_somebody_too(autojump_clock):
    async with simulated() as world:
        async with world.connected() as websocket:
            pushed = await world.sim.say("hello")
            await read(websocket)
        await trio.sleep(100)
        async with world.connected() as websocket:
            (frame,) = await read(websocket)
            await websocket.send_batch([frame.ack()])
            await world.sim.wait_acked(pushed)


# A real port.


@pytest.mark.parametrize("transport", ["websockets", "trio-websocket"])
async def test_it_serves_on_a_port_of_this_machine(transport):
    async with simulated(SystemNetwork(), transport=transport) as world:
        pushed = await world.sim.say("hello")
        async with world.connected() as websocket:
            (frame,) = await read(websocket)
            await websocket.send_batch([frame.ack(), PING])
            await read(websocket)
            await world.sim.wait_acked(pushed)
            world.sim.drop_connections("close", code=1001)
            with pytest.raises(PeerClosed) as closed:
                await websocket.receive_batch()
    assert closed.value.code == 1001
    assert world.faults() == []


# The record.


async def test_the_transcript_has_every_frame_and_no_secret(world):
    async with world.connected() as websocket:
        await world.sim.say("hello")
        (frame,) = await read(websocket)
        await websocket.send_batch([frame.ack(), "text", written([(1, 1)])])
        await world.sim.wait_until(lambda: len(world.sim.transcript.lines) == 6)
    await world.sim.wait_until(lambda: len(world.sim.transcript.lines) == 7)
    lines = [json.loads(line) for line in world.sim.transcript.as_text()]
    assert [line["what"] for line in lines] == [
        "discovery",
        "handshake",
        "sent",
        "received",
        "received",
        "received",
        "closed",
    ]
    assert lines[2]["frame"]["headers"] == [list(each) for each in frame.headers]
    assert lines[2]["hex"] == written(frame.fields).hex()
    assert json.loads(lines[3]["frame"]["payload"]) == {"code": 200}
    assert lines[4]["text"] == "text"
    assert lines[5]["bad"]
    assert SECRET not in json.dumps(lines)
    assert world.faults() == ["text_message", "frame_unreadable"]


def test_the_client_of_these_tests_writes_what_it_reads():
    assert header("a", "b") == (5, b"\x0a\x01a\x12\x01b")

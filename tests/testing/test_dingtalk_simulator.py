"""The simulator, met by a client that is written out here: ours is not to judge itself."""

import base64
import json
import os
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio

from trio_bridge.errors import ConnectionLost, HandshakeFailed, PeerClosed, RemoteProtocolError
from trio_bridge.platforms.dingtalk.gateway_calls import Answer
from trio_bridge.platforms.dingtalk.gateway_frames import CARD, ROBOT
from trio_bridge.platforms.dingtalk.gateway_model import Rules
from trio_bridge.platforms.dingtalk.rest_gateway import DIRECT, OPEN, TOKEN, WEBHOOK
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.transport.client import open_websocket
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.tcp import SystemNetwork

DATA = Path(__file__).parents[1] / "data" / "dingtalk"
APP, SECRET = "dingexampleappkey0001", "example-secret-not-real-0000000000000000000000000000000000000000"
OTHER = "dingexampleappkey0002"
TOPICS = [{"type": "EVENT", "topic": "*"}, {"type": "CALLBACK", "topic": ROBOT}, {"type": "CALLBACK", "topic": CARD}]


def lines(name):
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


@attrs.define
class World:
    """A simulator with one app, and what a client needs to reach it."""

    network: object
    sim: DingTalkSimulator

    async def raw(self, data):
        """Bytes to the simulator, and everything that comes back until it closes."""
        stream = await self.stream()
        async with stream:
            await stream.send_all(data)
            return b"".join([chunk async for chunk in stream])

    async def stream(self):
        host, port = self.sim.url.removeprefix("http://").split(":")
        return await self.network.connect_tcp(host, int(port))

    async def post(self, path, body, headers=()):
        body = json.dumps(body).encode()
        lines = [f"POST {path} HTTP/1.1", "Host: x", "Connection: close", "Accept: application/json"]
        lines += [f"Content-Length: {len(body)}", *(f"{name}: {value}" for name, value in headers)]
        reply = await self.raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        if not reply:
            return None, None
        head, _, body = reply.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body) if body else None

    async def ticket(self, client_id=APP):
        call = {"clientId": client_id, "clientSecret": SECRET, "subscriptions": TOPICS}
        status, reply = await self.post("/v1.0/gateway/connections/open", call)
        assert status == 200
        return f"{reply['endpoint']}?ticket={reply['ticket']}"

    @asynccontextmanager
    async def connected(self, client_id=APP, **options):
        async with open_websocket(await self.ticket(client_id), network=self.network, **options) as websocket:
            yield websocket

    async def answer(self, pushed, text="pong"):
        """Reply through the session webhook."""
        url = json.loads(pushed.letter.data)["sessionWebhook"]
        return await self.post(url.removeprefix(self.sim.url), {"msgtype": "text", "text": {"content": text}})


@asynccontextmanager
async def simulated(network=None, **options):
    network = network or MemoryNetwork()
    async with DingTalkSimulator(network=network, seed=7, **options) as sim:
        sim.add_app(APP, SECRET)
        yield World(network, sim)


@pytest.fixture
async def world():
    async with simulated() as world:
        yield world


async def read(websocket, count=1):
    """The next frames, as objects."""
    frames = []
    while len(frames) < count:
        frames += map(json.loads, await websocket.receive_batch())
        await websocket.send_batch()
    return frames


def ack(frame, data="{}"):
    headers = {"contentType": "application/json", "messageId": frame["headers"]["messageId"]}
    return json.dumps({"code": 200, "headers": headers, "message": "OK", "data": data})


async def acknowledge(websocket):
    """Acknowledge everything until the connection ends."""
    while True:
        frames = await websocket.receive_batch()
        await websocket.send_batch([ack(json.loads(frame)) for frame in frames])


def upgrade(url):
    """The bytes of an upgrade request."""
    key = base64.b64encode(os.urandom(16)).decode()
    head = f"GET /connect?{url.partition('?')[2]} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return f"{head}Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()


async def closing(websocket):
    """The code with which the simulator closes."""
    try:
        while True:
            await websocket.receive_batch()
    except PeerClosed as closed:
        return closed.code


# The official SDKs.


@pytest.mark.parametrize("line", lines("sdk_open_calls.jsonl"), ids=lambda line: line["name"])
async def test_the_official_sdks_are_let_in(world, line):
    url = await world.ticket() if line["step"] == "upgrade" else "?ticket="
    places = {
        "{HOST}": world.sim.url.removeprefix("http://"),
        "{TICKET}": url.split("ticket=")[1],
        "{RANDOM_16_BYTES_BASE64}": base64.b64encode(os.urandom(16)).decode(),
    }
    head = f"{line['method']} {line['path']} HTTP/1.1\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in line["headers"])
    for placeholder, value in places.items():
        head = head.replace(placeholder, value)
    async with await world.stream() as stream:
        await stream.send_all(head.encode() + b"\r\n" + line["body"].encode())
        reply = await stream.receive_some()
        if line["step"] == "open":
            assert reply.startswith(b"HTTP/1.1 200 ")
            opened = json.loads(reply.partition(b"\r\n\r\n")[2])
            assert opened["endpoint"] == world.sim.url.replace("http", "ws", 1) + "/connect"
            assert world.sim.open_calls[-1].body == json.loads(line["body"])
        else:
            assert reply.startswith(b"HTTP/1.1 101 ")
            connection = await world.sim.next_connection()
            assert (connection.client_id, connection.live) == (APP, True)


@pytest.mark.parametrize("ticket", ["", "?ticket=unheard-of"])
async def test_an_upgrade_without_a_good_ticket_is_refused(world, ticket):
    with pytest.raises(HandshakeFailed) as refusal:
        async with open_websocket(world.sim.url.replace("http", "ws") + "/connect" + ticket, network=world.network):
            pass
    assert refusal.value.status == 401


async def test_a_ticket_is_used_up_by_an_upgrade_and_not_by_a_request_that_looks_like_one(world):
    url = await world.ticket()
    path = "/connect?" + url.partition("?")[2]
    reply = await world.raw(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    assert reply.startswith(b"HTTP/1.1 426 ")
    assert world.sim.connections == ()
    async with open_websocket(url, network=world.network):
        pass
    with pytest.raises(HandshakeFailed):
        async with open_websocket(url, network=world.network):
            pass


# Messages and what becomes of them.


async def test_a_message_is_pushed_acknowledged_and_answered(world):
    async with world.connected() as websocket:
        pushed = await world.sim.say("hello", sender="staff0007")
        (frame,) = await read(websocket)
        data = json.loads(frame["data"])
        assert (data["msgId"], data["text"]["content"], data["senderStaffId"]) == (pushed.key, "hello", "staff0007")
        await websocket.send_batch([ack(frame)])
        await world.sim.wait_acked(pushed)
        assert await world.answer(pushed, "you said hello") == (200, {"errcode": 0, "errmsg": "ok"})
        await world.sim.wait_replied(pushed)
    record = world.sim.ledger.record(pushed)
    assert [reply.text for reply in record.replies] == ["you said hello"]
    assert [sent.answers for sent in world.sim.sent] == [pushed]
    summary = world.sim.ledger.summary()
    assert (summary.pushed, summary.delivered, summary.acked, summary.answered, summary.faults) == (1, 1, 1, 1, 0)


async def test_a_direct_and_a_group_message_look_as_the_recorded_ones(world):
    recorded = {
        line["name"]: json.loads(json.loads(line["frame"])["data"])
        for line in lines("server_frames.jsonl")
        if line["name"] in ("text_dm", "text_group_at")
    }
    async with world.connected() as websocket:
        await world.sim.say("hi")
        await world.sim.say("hi", conversation="cidGROUP")
        direct, group = (json.loads(frame["data"]) for frame in await read(websocket, 2))
    for ours, theirs in ((direct, recorded["text_dm"]), (group, recorded["text_group_at"])):
        assert ours.keys() == theirs.keys()
        assert {name: type(value) for name, value in ours.items()} == {name: type(v) for name, v in theirs.items()}
    assert (direct["conversationType"], group["conversationType"]) == ("1", "2")
    assert (group["conversationId"], group["isInAtList"], group["text"]["content"]) == ("cidGROUP", True, " hi")


async def test_fields_of_a_message_can_be_changed_and_left_out(world):
    async with world.connected() as websocket:
        await world.sim.say("hi", conversation="cidGROUP", mention=False)
        await world.sim.say("hi", changes={"senderStaffId": None, "senderNick": "Mallory"})
        group, outsider = (json.loads(frame["data"]) for frame in await read(websocket, 2))
    assert (group["isInAtList"], group["atUsers"], group["text"]["content"]) == (False, [], "hi")
    assert "senderStaffId" not in outsider
    assert outsider["senderNick"] == "Mallory"


async def test_times_come_from_the_clock_that_was_given(autojump_clock):
    async with simulated(wall=lambda: 1_790_000_000 + trio.current_time()) as world, world.connected() as websocket:
        await trio.sleep(100)
        await world.sim.say("hi")
        (frame,) = await read(websocket)
        now = int((1_790_000_000 + trio.current_time()) * 1000)
    data = json.loads(frame["data"])
    assert int(frame["headers"]["time"]) == now
    assert data["sessionWebhookExpiredTime"] == now + 5_400_000


async def test_events_and_cards_and_anything_else_can_be_pushed(world):
    async with world.connected() as websocket:
        event = world.sim.event("user_add_org", {"userId": ["staff0007"]})
        card = world.sim.push({"outTrackId": "card_1", "userId": "staff0001"}, topic=CARD)
        frames = await read(websocket, 2)
        assert [(frame["type"], frame["headers"]["topic"]) for frame in frames] == [("EVENT", "*"), ("CALLBACK", CARD)]
        assert frames[0]["headers"]["eventType"] == "user_add_org"
        await websocket.send_batch([ack(frames[0], '{"status":"LATER"}'), ack(frames[1], '{"response":{}}')])
        await world.sim.wait_acked(card)
    assert not world.sim.ledger.record(event).settled
    assert [each.data for each in world.sim.ledger.record(card).acks] == ['{"response":{}}']


async def test_text_that_cannot_be_written_is_refused_at_once(world):
    async with world.connected():
        with pytest.raises(UnicodeEncodeError):
            await world.sim.say("\ud800")


async def test_every_recorded_frame_reaches_the_client_as_it_is(world):
    frames = [line["frame"] for line in lines("server_frames.jsonl")]
    async with world.connected() as websocket:
        for frame in frames:
            world.sim.push_frame(frame)
        seen = []
        while len(seen) < len(frames):
            seen += await websocket.receive_batch()
    assert seen == frames


async def test_a_frame_needs_somebody_to_send_it_to(world):
    with pytest.raises(LookupError):
        world.sim.push_frame("{}")


async def test_with_several_apps_one_must_be_named(world):
    world.sim.add_app(OTHER, SECRET)
    with pytest.raises(LookupError, match="2 apps"):
        await world.sim.say("hi")
    async with world.connected(OTHER) as theirs, world.connected(APP):
        pushed = await world.sim.say("hi", client_id=OTHER)
        assert len(await read(theirs)) == 1
    assert pushed.client_id == OTHER


async def test_a_removed_app_is_refused_and_a_changed_secret_too(world):
    world.sim.remove_app(APP)
    call = {"clientId": APP, "clientSecret": SECRET, "subscriptions": []}
    assert (await world.post(OPEN, call))[0] == 401
    world.sim.add_app(APP, "changed")
    assert (await world.post(OPEN, call))[0] == 401
    assert [each.status for each in world.sim.open_calls] == [401, 401]


# Redelivery, in virtual time.


async def test_an_unacknowledged_message_comes_again_after_a_minute(autojump_clock):
    async with simulated() as world, world.connected() as websocket:
        begun = trio.current_time()
        pushed = await world.sim.say("hi")
        frames = []
        for expected in (0, 60, 120):
            frames += await read(websocket)
            assert trio.current_time() - begun == pytest.approx(expected)
        await websocket.send_batch([ack(frames[-1])])
        await world.sim.wait_acked(pushed)
        with trio.move_on_after(3600):
            await read(websocket)
            pytest.fail("it came again")
    assert len({frame["headers"]["messageId"] for frame in frames}) == 3
    assert len({frame["data"] for frame in frames}) == 1


async def test_an_earlier_deadline_is_not_slept_through(autojump_clock):
    async with simulated(rules=Rules(redeliver_after=1000)) as world, world.connected() as websocket:
        begun = trio.current_time()
        await world.sim.say("slow")
        await read(websocket)
        await trio.sleep(1)
        world.sim.rules = Rules(redeliver_after=5)
        await world.sim.say("fast")
        await read(websocket, 2)
        assert trio.current_time() - begun == pytest.approx(6)


async def test_a_duplicate_comes_at_once(world):
    async with world.connected() as websocket:
        pushed = await world.sim.say("hi")
        assert world.sim.duplicate(pushed)
        first, second = await read(websocket, 2)
    assert first["data"] == second["data"]
    assert first["headers"]["messageId"] != second["headers"]["messageId"]
    assert not world.sim.duplicate(pushed)


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


# REST.


async def test_calls_can_be_scripted_in_the_words_of_the_recorded_ones(world):
    case = next(line for line in lines("rest_cases.jsonl") if line["name"] == "qps_app")
    world.sim.script(DIRECT, case, Answer(status=504), times=2)
    statuses = [(await world.post(DIRECT, {}))[0] for _ in range(5)]
    assert statuses == [403, 504, 403, 504, 400]


async def test_a_swallowed_answer_was_carried_out(world):
    async with world.connected():
        pushed = await world.sim.say("hi")
        world.sim.rest.scripts.swallow(WEBHOOK)
        assert await world.answer(pushed) == (None, None)
        assert len(world.sim.ledger.record(pushed).replies) == 1


async def test_a_hanging_answer(autojump_clock):
    async with simulated() as world:
        world.sim.rest.scripts.hang(TOKEN)
        with trio.move_on_after(100) as patience:
            await world.post(TOKEN, {})
        assert patience.cancelled_caught


async def test_answers_can_be_late(autojump_clock):
    async with simulated() as world:
        begun = trio.current_time()
        with world.sim.answering_late(3):
            await world.ticket()
        assert trio.current_time() - begun == pytest.approx(3)
        await world.ticket()
        assert trio.current_time() - begun == pytest.approx(3)
        assert world.sim.open_calls[0].at == pytest.approx(begun)


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


# The simulator itself.


async def test_what_the_block_raises_comes_out_as_it_is():
    with pytest.raises(ZeroDivisionError):
        async with DingTalkSimulator(network=MemoryNetwork()):
            raise ZeroDivisionError


async def test_nothing_is_left_when_the_block_has_ended():
    network = MemoryNetwork()
    async with AsyncExitStack() as clients:
        async with simulated(network) as world:
            websocket = await clients.enter_async_context(world.connected())
            connection = await world.sim.next_connection()
        assert not connection.live
        with pytest.raises(ConnectionLost):
            await websocket.receive_batch()
        with pytest.raises(HandshakeFailed, match="refused"):
            await world.stream()


async def test_a_configuration_points_at_it_and_its_app_is_let_in(world):
    config = world.sim.config("sales", workers=3)
    assert (config.name, config.workers) == ("sales", 3)
    assert (config.endpoint, config.oapi_endpoint) == (world.sim.url, world.sim.url)
    call = {"clientId": config.client_id, "clientSecret": config.client_secret.read(), "subscriptions": []}
    assert (await world.post(OPEN, call))[0] == 200
    named = world.sim.config("again", client_id=APP)
    assert (named.client_id, named.client_secret.read()) == (APP, SECRET)
    assert world.sim.config("other", client_id=APP, client_secret="new").client_secret.read() == "new"
    assert world.sim.config("b").client_id != world.sim.config("a").client_id

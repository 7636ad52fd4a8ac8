"""The simulator while all goes well."""

import base64
import json
import os
from contextlib import AsyncExitStack

import pytest
import trio

from tests.testing.world import APP, OTHER, SECRET, ack, lines, read, simulated
from trio_bridge.errors import ConnectionLost, HandshakeFailed
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.dingtalk.gateway.frames import CARD
from trio_bridge.platforms.dingtalk.gateway.model import Rules
from trio_bridge.platforms.dingtalk.gateway.rest import DIRECT, OPEN, TOKEN, WEBHOOK
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.transport.client import open_websocket
from trio_bridge.transport.memory import MemoryNetwork

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

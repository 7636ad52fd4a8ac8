import json
import random

import pytest

from trio_bridge.platforms.dingtalk.gateway.frames import CARD, EVENTS, ROBOT, encode, letter_of
from trio_bridge.platforms.dingtalk.gateway.gateway import Gateway
from trio_bridge.platforms.dingtalk.gateway.model import Refused, Rules

APP, SECRET = "dingexampleappkey0001", "example-secret"
SUBSCRIPTIONS = [{"type": "EVENT", "topic": "*"}, {"type": "CALLBACK", "topic": ROBOT}]
ROBOT_DATA = {"msgId": "msg1", "conversationType": "1", "senderStaffId": "staff0001", "text": {"content": "hi"}}


@pytest.fixture
def gateway():
    gateway = Gateway(rng=random.Random(7), epoch=1_790_000_000)
    gateway.add_app(APP, SECRET)
    return gateway


def connect(gateway, now=0.0, *, client_id=APP, subscriptions=SUBSCRIPTIONS):
    call = {"clientId": client_id, "clientSecret": SECRET, "subscriptions": subscriptions}
    return gateway.upgrade(gateway.open(call, now), now)


def ack(frame, *, code=200, data="{}"):
    headers = {"contentType": "application/json", "messageId": json.loads(frame)["headers"]["messageId"]}
    return encode({"code": code, "headers": headers, "message": "OK", "data": data})


def kinds(gateway):
    return [fault.kind for fault in gateway.ledger.faults]


def robot(number=1):
    return letter_of({**ROBOT_DATA, "msgId": f"msg{number}"})


def event():
    return letter_of({"userId": ["staff0007"]}, kind="EVENT", topic="*", headers={"eventId": "evt1", "eventType": "x"})


# Tickets.


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        ({"clientId": "ding-nobody"}, 401, "authFailed"),
        ({"clientSecret": "wrong"}, 401, "authFailed"),
        ({"clientSecret": None}, 401, "authFailed"),
        ({"clientId": " "}, 400, "invalidParameter"),
        ({"clientId": None}, 400, "invalidParameter"),
        ({"subscriptions": None}, 400, "invalidParameter"),
        ({"subscriptions": {}}, 400, "invalidParameter"),
        ({"subscriptions": [{"type": "EVENT", "topic": ROBOT}]}, 400, "invalidParameter"),
        ({"subscriptions": [{"type": "SYSTEM", "topic": "ping"}]}, 400, "invalidParameter"),
    ],
)
def test_an_open_call_that_is_wrong_gets_no_ticket(gateway, call, status, code):
    with pytest.raises(Refused) as refusal:
        gateway.open({"clientId": APP, "clientSecret": SECRET, "subscriptions": [], **call}, 0)
    assert (refusal.value.status, refusal.value.code) == (status, code)


def test_a_revoked_secret_is_refused_and_the_connection_lives_on(gateway):
    connection = connect(gateway)
    gateway.add_app(APP, "another")
    with pytest.raises(Refused, match="401 authFailed"):
        connect(gateway)
    gateway.remove_app(APP)
    with pytest.raises(Refused, match="401 authFailed"):
        connect(gateway)
    assert gateway.connections() == [connection]


def test_a_ticket_opens_one_connection(gateway):
    ticket = gateway.open({"clientId": APP, "clientSecret": SECRET, "subscriptions": []}, 0)
    assert gateway.upgrade(ticket, 1).client_id == APP
    with pytest.raises(Refused, match="401"):
        gateway.upgrade(ticket, 1)


@pytest.mark.parametrize("ticket", [None, "", "unknown"])
def test_an_unknown_ticket_opens_nothing(gateway, ticket):
    with pytest.raises(Refused, match="401"):
        gateway.upgrade(ticket, 0)


def test_a_ticket_is_good_for_90_seconds(gateway):
    tickets = [gateway.open({"clientId": APP, "clientSecret": SECRET, "subscriptions": []}, 100) for _ in range(2)]
    gateway.upgrade(tickets[0], 189.9)
    with pytest.raises(Refused, match="401"):
        gateway.upgrade(tickets[1], 190)


# Pushes.


def test_a_push_is_framed_as_the_platform_does_it(gateway):
    connection = connect(gateway)
    pushed = gateway.push(APP, robot(), 5)
    assert gateway.stirred() == [connection]
    assert gateway.stirred() == []
    (text,) = connection.take()
    assert connection.take() == []
    frame = json.loads(text)
    (delivery,) = gateway.ledger.record(pushed).deliveries
    assert frame == {
        "specVersion": "1.0",
        "type": "CALLBACK",
        "headers": {
            "appId": APP,
            "connectionId": connection.id,
            "contentType": "application/json",
            "messageId": delivery.message_id,
            "time": "1790000005000",
            "topic": ROBOT,
        },
        "data": robot().data,
    }
    assert (delivery.connection, delivery.at) == (connection.id, 5)


def test_an_event_keeps_its_own_headers(gateway):
    connection = connect(gateway)
    gateway.push(APP, event(), 0)
    headers = json.loads(connection.take()[0])["headers"]
    assert (headers["topic"], headers["eventId"], headers["eventType"]) == (EVENTS, "evt1", "x")
    assert "connectionId" not in headers


def test_each_push_goes_to_one_connection_of_the_app_by_chance(gateway):
    gateway.add_app("another-app-key", SECRET)
    ours = [connect(gateway), connect(gateway)]
    stranger = connect(gateway, client_id="another-app-key")
    for number in range(100):
        gateway.push(APP, robot(number), 0)
    shares = [len(connection.take()) for connection in ours]
    assert sum(shares) == 100
    assert min(shares) > 25
    assert stranger.take() == []


def test_only_what_was_subscribed_to_is_pushed(gateway):
    connection = connect(gateway, subscriptions=[{"type": "CALLBACK", "topic": ROBOT}])
    for letter in (event(), letter_of({"outTrackId": "card1"}, topic=CARD)):
        gateway.push(APP, letter, 0)
    assert connection.take() == []
    assert gateway.ledger.summary(APP).undelivered == 2
    gateway.push(APP, robot(), 0)
    assert len(connection.take()) == 1


def test_what_is_said_while_nobody_is_connected_is_lost(gateway):
    gateway.push(APP, robot(), 0)
    assert gateway.deadline() is None
    connection = connect(gateway, 1)
    gateway.tick(1000)
    assert connection.take() == []
    assert gateway.ledger.summary().undelivered == 1


def test_the_rules_can_keep_what_is_said_while_nobody_is_connected(gateway):
    gateway.rules = Rules(keep_offline=True)
    gateway.push(APP, robot(), 0)
    gateway.tick(60)
    connection = connect(gateway, 61)
    assert gateway.deadline() == 120
    gateway.tick(120)
    assert len(connection.take()) == 1
    assert gateway.ledger.summary().undelivered == 0


# Redelivery.


def test_an_unacknowledged_callback_comes_again_with_a_new_id_until_it_is_acknowledged(gateway):
    connection = connect(gateway)
    pushed = gateway.push(APP, robot(), 10)
    seen = connection.take()
    for due in (70, 130):
        assert gateway.deadline() == due
        gateway.tick(due - 0.001)
        assert connection.take() == []
        gateway.tick(due)
        seen += connection.take()
    frames = [json.loads(text) for text in seen]
    assert len({frame["headers"]["messageId"] for frame in frames}) == 3
    assert {frame["data"] for frame in frames} == {robot().data}
    gateway.receive(connection, [ack(seen[0])], 131)  # a late acknowledgement of the first delivery is one too
    assert gateway.deadline() is None
    gateway.tick(10_000)
    assert connection.take() == []
    record = gateway.ledger.record(pushed)
    assert [delivery.at for delivery in record.deliveries] == [10, 70, 130]
    assert record.settled


@pytest.mark.parametrize("code", [200, 400, 404, 500])
def test_any_acknowledgement_settles_a_callback(gateway, code):
    connection = connect(gateway)
    gateway.push(APP, robot(), 0)
    gateway.receive(connection, [ack(connection.take()[0], code=code)], 1)
    assert gateway.deadline() is None


@pytest.mark.parametrize(
    ("code", "data", "comes_again"),
    [
        (200, '{"status":"SUCCESS"}', False),
        (200, '{"userId":["staff0007"]}', False),
        (200, '{"status":"LATER"}', True),
        (404, "{}", True),
        (500, '{"status":"SUCCESS"}', True),
    ],
)
def test_an_event_comes_again_unless_it_was_accepted(gateway, code, data, comes_again):
    connection = connect(gateway)
    gateway.push(APP, event(), 0)
    gateway.receive(connection, [ack(connection.take()[0], code=code, data=data)], 1)
    gateway.tick(60)
    assert len(connection.take()) == comes_again


def test_redelivery_can_be_set_and_switched_off(gateway):
    gateway.rules = Rules(redeliver_after=0.5)
    connect(gateway)
    gateway.push(APP, robot(1), 0)
    assert gateway.deadline() == 0.5
    gateway.tick(0.5)
    gateway.rules = Rules(redeliver_after=None)
    gateway.tick(1)
    assert gateway.deadline() is None
    with pytest.raises(ValueError, match="redeliver_after"):
        Rules(redeliver_after=0)


def test_what_was_not_acknowledged_comes_again_on_the_next_connection(gateway):
    first = connect(gateway)
    gateway.push(APP, robot(), 0)
    gateway.lost(first)
    gateway.tick(60)  # nobody there: another time
    second = connect(gateway, 61)
    assert second.take() == []
    gateway.tick(120)
    assert len(second.take()) == 1


def test_a_message_can_be_delivered_again_at_once_even_though_it_is_settled(gateway):
    connection = connect(gateway)
    pushed = gateway.push(APP, robot(), 0)
    first = connection.take()[0]
    gateway.receive(connection, [ack(first)], 0)
    assert gateway.push_again(pushed, 1)
    second = connection.take()[0]
    assert json.loads(first)["data"] == json.loads(second)["data"]
    assert json.loads(first)["headers"]["messageId"] != json.loads(second)["headers"]["messageId"]
    assert gateway.deadline() is None
    gateway.lost(connection)
    assert not gateway.push_again(pushed, 2)


def test_a_duplicate_puts_the_next_delivery_off(gateway):
    connect(gateway)
    pushed = gateway.push(APP, robot(), 0)
    gateway.push_again(pushed, 30)
    assert gateway.deadline() == 90


# Leaving.


def test_a_connection_that_is_gone_needs_no_dropping(gateway):
    connection = connect(gateway)
    gateway.disconnect(connection, "", 0)
    gateway.lost(connection)
    assert gateway.deadline() is None


def test_after_disconnect_nothing_is_pushed_and_ten_seconds_later_it_is_dropped(gateway):
    old = connect(gateway)
    gateway.push(APP, robot(1), 0)
    before = old.take()[0]
    gateway.disconnect(old, "persistent connection is timeout", 5)
    notice = json.loads(old.take()[0])
    assert (notice["type"], notice["headers"]["topic"]) == ("SYSTEM", "disconnect")
    assert json.loads(notice["data"]) == {"reason": "persistent connection is timeout"}
    gateway.push(APP, robot(2), 6)
    assert gateway.ledger.summary().undelivered == 1
    new = connect(gateway, 7)
    gateway.push(APP, robot(3), 8)
    assert (len(old.take()), len(new.take())) == (0, 1)
    gateway.receive(old, [ack(before)], 9)  # what it had delivered may still be acknowledged there
    gateway.tick(14.9)
    assert not old.dropped
    gateway.stirred()
    gateway.tick(15)
    assert old.dropped
    assert gateway.stirred() == [old]
    gateway.lost(old)
    gateway.lost(old)
    gateway.tick(1000)
    assert gateway.ledger.faults == []


# Faults.


def test_an_acknowledgement_on_another_connection_is_a_fault_and_does_not_count(gateway):
    first, second = connect(gateway), connect(gateway)
    gateway.push(APP, robot(), 0)
    frame = (first.take() + second.take())[0]
    right, wrong = (first, second) if json.loads(frame)["headers"]["connectionId"] == first.id else (second, first)
    gateway.receive(wrong, [ack(frame)], 1)
    assert kinds(gateway) == ["ack_on_wrong_connection"]
    assert (gateway.ledger.faults[0].connection, gateway.ledger.faults[0].at) == (wrong.id, 1)
    assert gateway.deadline() is not None
    gateway.receive(right, [ack(frame)], 2)
    summary = gateway.ledger.summary()
    assert (summary.acked, summary.acked_on_wrong_connection, summary.faults) == (1, 1, 1)


def test_acknowledgements_of_nothing_and_of_no_shape_are_faults(gateway):
    connection = connect(gateway)
    unknown = encode({"code": 200, "headers": {"messageId": "unheard-of"}, "message": "OK", "data": "{}"})
    nameless = encode({"code": 200, "headers": {}, "message": "OK", "data": "{}"})
    gateway.receive(connection, [unknown, nameless, "{", b"{}"], 3)
    assert kinds(gateway) == ["ack_unknown", "ack_unknown", "ack_unreadable", "ack_unreadable"]
    assert gateway.ledger.summary(APP).faults == 4


def test_a_frame_without_id_may_be_answered_once_without_one(gateway):
    connection = connect(gateway)
    frame = '{"type":"SYSTEM","headers":{"topic":"ping"},"data":"{}"}'
    assert gateway.push_frame(connection, frame, 0) is None
    nameless = encode({"code": 200, "headers": {}, "message": "OK", "data": "{}"})
    gateway.receive(connection, [nameless], 1)
    assert kinds(gateway) == []
    gateway.receive(connection, [nameless], 1)
    assert kinds(gateway) == ["ack_unknown"]


def test_a_ping_without_id_is_answered_by_the_echo_of_its_data(gateway):
    """Both official SDKs answer one like that."""
    connection = connect(gateway)
    frame = '{{"type":"SYSTEM","headers":{{"topic":"ping"}},"data":"{{\\"opaque\\":\\"{}\\"}}"}}'.format
    gateway.push_frame(connection, "[]", 0)
    for opaque in ("one", "two"):
        gateway.push_frame(connection, frame(opaque), 0)
    answers = ['{"opaque": "two"}', "{}"]
    for now, data in enumerate(answers, start=1):
        gateway.receive(connection, [encode({"code": 200, "headers": {}, "message": "OK", "data": data})], now)
    assert [ping.answered_at for ping in connection.pings] == [None, 1]
    assert kinds(gateway) == []


def test_a_frame_whose_headers_are_spelt_header_may_be_answered_without_an_id(gateway, frames):
    """The official Python SDK looks for ``headers`` alone, and finds no id there."""
    connection = connect(gateway)
    pushed = gateway.push_frame(connection, frames["event_header_typo_key"], 0)
    gateway.receive(connection, [encode({"code": 200, "headers": {}, "message": "OK", "data": "{}"})], 1)
    assert kinds(gateway) == []
    assert not gateway.ledger.record(pushed).settled


def test_a_ping_must_be_echoed_as_json(gateway):
    connection = connect(gateway)
    ping = gateway.ping(connection, '{"opaque":"5f0c", "n":[1]}', 1)
    (frame,) = connection.take()
    gateway.receive(connection, [ack(frame, data='{"n": [1], "opaque": "5f0c"}')], 2)
    assert (ping.at, ping.answered_at) == (1, 2)
    assert kinds(gateway) == []
    gateway.ping(connection, "not-json", 3)
    gateway.receive(connection, [ack(connection.take()[0], data="{}")], 4)
    assert kinds(gateway) == ["echo_differs"]
    assert [each.answered_at for each in connection.pings] == [2, 4]


def test_a_ping_is_not_answered_on_another_connection(gateway):
    connection, elsewhere = connect(gateway), connect(gateway)
    ping = gateway.ping(connection, "{}", 1)
    gateway.receive(elsewhere, [ack(connection.take()[0])], 2)
    assert ping.answered_at is None
    assert kinds(gateway) == ["ack_on_wrong_connection"]


def test_other_notices_may_be_acknowledged(gateway):
    connection = connect(gateway)
    gateway.notify(connection, "REGISTERED", "{}", 0)
    gateway.receive(connection, [ack(connection.take()[0])], 1)
    assert kinds(gateway) == []


def test_two_connections_for_more_than_15_seconds_are_a_fault(gateway):
    first, second = connect(gateway, 0), connect(gateway, 10)
    gateway.tick(24.9)
    assert kinds(gateway) == []
    gateway.tick(25)
    assert kinds(gateway) == ["two_connections"]
    assert (gateway.ledger.faults[0].connection, gateway.ledger.faults[0].at) == (second.id, 25)
    assert first.id in gateway.ledger.faults[0].detail


@pytest.mark.parametrize("gone", [0, 1])
def test_a_rotation_within_15_seconds_is_none(gateway, gone):
    both = connect(gateway, 0), connect(gateway, 10)
    gateway.lost(both[gone])
    assert gateway.deadline() is None


@pytest.mark.parametrize("deaf", [0, 1])
def test_a_connection_that_cannot_hear_its_client_leave_is_excused(gateway, deaf):
    both = connect(gateway), connect(gateway, 10)
    both[deaf].excused = True
    gateway.tick(1000)
    assert kinds(gateway) == []


def test_a_broken_protocol_is_a_fault(gateway):
    connection = connect(gateway)
    gateway.broken(connection, "unmasked frame", 1)
    assert kinds(gateway) == ["protocol_broken"]


# Frames written by hand.


def test_a_frame_is_written_as_it_is_and_followed_like_any_other(gateway, frames):
    connection = connect(gateway)
    pushed = gateway.push_frame(connection, frames["text_dm"], 0)
    assert connection.take() == [frames["text_dm"]]
    gateway.tick(60)
    (again,) = connection.take()
    assert json.loads(again)["data"] == json.loads(frames["text_dm"])["data"]
    gateway.receive(connection, [ack(again)], 61)
    assert gateway.ledger.record(pushed).settled
    assert pushed.key == "msgZXgtbXNnLTAwMDAwMDAx"


def test_a_frame_with_the_key_of_an_earlier_one_is_its_redelivery(gateway, frames):
    connection = connect(gateway)
    first = gateway.push_frame(connection, frames["text_first_delivery"], 0)
    second = gateway.push_frame(connection, frames["text_redelivery_same_msgid_new_message_id"], 1)
    assert first == second
    assert gateway.ledger.summary().redelivered == 1


def test_the_same_frame_on_a_new_connection_is_acknowledged_there(gateway, frames):
    first, second = connect(gateway), connect(gateway)
    for connection in (first, second):
        gateway.push_frame(connection, frames["text_dm"], 0)
    gateway.receive(second, [ack(frames["text_dm"])], 1)
    assert kinds(gateway) == []


def test_every_recorded_frame_can_be_written(gateway, frames):
    connection = connect(gateway)
    for frame in frames.values():
        gateway.push_frame(connection, frame, 0)
    assert connection.take() == list(frames.values())

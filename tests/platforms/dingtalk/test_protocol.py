"""One connection's protocol: what it makes of frames beyond those that were recorded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.platforms.dingtalk.extract import Extracted
from trio_bridge.platforms.dingtalk.frames import CARD, GRAPH, ROBOT
from trio_bridge.platforms.dingtalk.protocol import DingTalkProtocol
from trio_bridge.wire.protocol import Batch, Delivery

CHARACTERS = st.characters(exclude_categories=())  # lone surrogates too
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(CHARACTERS, max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "msgId", "conversationId", "conversationType", "senderStaffId", "senderId", "msgtype", "text", "content",
        "richText", "isReplyMsg", "repliedMsg", "msgType", "downloadCode", "chatRecord", "cardContent", "children",
        "createAt", "at", "atDingtalkIds", "hostingContext", "title", "actionUrlItemList", "skillData", "type",
    ]
)  # fmt: skip
KINDS = st.sampled_from(
    ["text", "richText", "picture", "file", "audio", "actionCard", "interactiveCard", "chatRecord", "markdown", "2"]
)
ROBOT_DATA = st.recursive(
    JSON | KINDS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=8) | inner.map(lambda v: json.dumps(v))
    ),
    max_leaves=20,
)
TOPICS = st.sampled_from([ROBOT, CARD, GRAPH, "ping", "disconnect", "*", "else"])


def envelope(data: Any, *, type_: Any = "CALLBACK", topic: Any = ROBOT, **headers: Any) -> str:
    return json.dumps({"type": type_, "headers": {"topic": topic, "messageId": "m1", **headers}, "data": data})


def robot(data: dict[str, Any], **headers: Any) -> str:
    return envelope(json.dumps(data), **headers)


def one(frame: str | bytes) -> Delivery:
    (delivery,) = DingTalkProtocol().receive([frame]).deliveries
    return delivery


def all_encodable(batch: Batch) -> bool:
    texts = [frame for frame in batch.replies if isinstance(frame, str)]
    for delivery in batch.deliveries:
        texts += [delivery.key, delivery.lane, delivery.data, delivery.ack or ""]
    return all(text.encode() is not None for text in texts)


@given(st.lists(st.text(CHARACTERS) | st.binary(), max_size=5))
def test_no_frame_raises(frames: list[str | bytes]) -> None:
    assert all_encodable(DingTalkProtocol().receive(frames))


@given(JSON, JSON, JSON, st.sampled_from(["CALLBACK", "SYSTEM", "EVENT"]) | JSON, TOPICS | JSON)
def test_no_envelope_raises(data: Any, message_id: Any, time: Any, type_: Any, topic: Any) -> None:
    frame = envelope(data, type_=type_, topic=topic, messageId=message_id, time=time)
    batch = DingTalkProtocol().receive([frame, frame.encode("utf-8", "surrogatepass")])
    assert all_encodable(batch)


@given(st.dictionaries(FIELDS, ROBOT_DATA, max_size=12))
def test_no_robot_data_raises(data: dict[str, Any]) -> None:
    protocol = DingTalkProtocol()
    batch = protocol.receive([robot(data)])
    assert all_encodable(batch)
    for delivery in batch.deliveries:
        assert protocol.ack(delivery) is not None
        said = Extracted(json.loads(delivery.data))
        said.text.encode()
        assert said.drop in (None, "empty", "unsupported")


def test_a_binary_frame_is_a_text_frame() -> None:
    assert one(robot({"msgId": "x"}).encode()).key == "x"
    assert DingTalkProtocol().receive([b"\xff{}"]).bad == 1


def test_frames_keep_their_order_in_a_batch() -> None:
    frames = [robot({"msgId": str(number)}) for number in range(5)]
    assert [delivery.key for delivery in DingTalkProtocol().receive(frames).deliveries] == list("01234")


@pytest.mark.parametrize(
    ("data", "lane"),
    [
        ({"conversationType": "2", "conversationId": "cidG", "senderStaffId": "s1"}, "cidG"),
        ({"conversationType": "1", "conversationId": "cidD", "senderStaffId": "s1", "senderId": "$:1"}, "s1"),
        ({"conversationType": "1", "conversationId": "cidD", "senderId": "$:1"}, "$:1"),
        ({"conversationType": "1", "conversationId": "cidD"}, "cidD"),
        ({}, "h:m1"),
    ],
)
def test_a_lane_is_the_chat_that_is_answered(data: dict[str, Any], lane: str) -> None:
    assert one(robot(data)).lane == lane


def test_without_any_id_the_content_is_the_key() -> None:
    first, again, other = (one(robot({"text": text}, messageId=None)) for text in ("a", "a", "b"))
    assert first.key == again.key != other.key
    assert first.ack is None
    assert DingTalkProtocol().ack(first) is None


def test_a_shed_message_is_answered_with_silence() -> None:
    assert DingTalkProtocol().refuse(one(robot({"msgId": "x"}))) is None


def test_a_ping_is_answered_at_once_with_its_own_data() -> None:
    data = '{ "opaque" : "一\\ud83d" }'
    batch = DingTalkProtocol().receive([envelope(data, type_="SYSTEM", topic="ping")])
    assert isinstance(batch.replies[0], str)
    assert json.loads(batch.replies[0])["data"] == data


def test_a_lone_surrogate_of_the_envelope_is_replaced_too() -> None:
    delivery = one(envelope('{"msgId":"\ud83d","text":{"content":"\ud83d"}}', messageId="\ud83d"))
    assert delivery.data == '{"msgId":"\ufffd","text":{"content":"\ufffd"}}'
    assert (delivery.key, delivery.ack) == ("\ufffd", "\ufffd")


def test_data_that_is_an_object_is_kept_as_text() -> None:
    assert json.loads(one(envelope({"msgId": "x", "text": {"content": "一"}})).data)["text"]["content"] == "一"


def test_an_object_nested_to_the_brink_is_refused_or_taken_but_never_raises() -> None:
    for depth in range(100, 1200, 50):
        nested = '{"a":' * depth + "1" + "}" * depth
        for type_ in ("CALLBACK", "SYSTEM", "EVENT"):
            frame = f'{{"type":"{type_}","headers":{{"topic":"{ROBOT}","messageId":"m"}},"data":{nested}}}'
            batch = DingTalkProtocol().receive([frame])
            assert len(batch.deliveries) + len(batch.replies) + batch.bad >= 1


def test_the_protocol_wants_no_beat_and_keeps_nothing() -> None:
    protocol = DingTalkProtocol()
    assert protocol.beat_interval is None
    protocol.expire(1e9)
    before = dict(vars(protocol))
    protocol.receive([robot({"msgId": "x"}), envelope("{}", type_="EVENT", topic="*"), "no JSON"])
    assert vars(protocol) == before

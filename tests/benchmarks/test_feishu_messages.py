"""Feishu's messages in a flood, read by the client's own eyes; and what is taken for an acknowledgement of one."""

from __future__ import annotations

import json

import attrs
import pytest

from benchmarks.flood.flood import Flood
from benchmarks.flood.platforms.feishu import SERVICE_ID, Feishu
from trio_bridge.platforms.feishu.frames import DATA, Frame, answered, decode, encode

TAKEN = b'{"code":200}'
FLOOD = Flood(count=40, lanes=3, size=800)


def test_messages_are_what_the_gateway_sends() -> None:
    feishu = Feishu()
    frames = [decode(feishu.message(FLOOD, number)) for number in range(FLOOD.count)]
    names = ["biz_type", "timestamp", "type", "message_id", "sum", "seq", "trace_id", "instance_id"]
    assert all([name for name, _ in frame.headers] == names for frame in frames)
    assert {(frame.service, frame.method) for frame in frames} == {(SERVICE_ID, DATA)}
    assert [frame.header("message_id") for frame in frames] == [feishu.message_id(number) for number in range(40)]
    assert all(frame.log_id_new == frame.header("trace_id") for frame in frames)
    assert 2**53 < max(frame.log_id for frame in frames) < 2**60

    payloads = [frame.payload or b"" for frame in frames]
    assert {len(payload) for payload in payloads} == {800}
    assert all(b"\\u" not in payload and "消息".encode() in payload for payload in payloads)
    events = [json.loads(payload) for payload in payloads]
    assert len({event["header"]["event_id"] for event in events}) == 40
    messages = [event["event"]["message"] for event in events]
    assert len({message["message_id"] for message in messages}) == 40
    assert len({message["chat_id"] for message in messages}) == 3
    assert all(json.loads(message["content"])["text"] for message in messages)


def ack(feishu: Feishu, payload: bytes = TAKEN) -> bytes:
    came = decode(feishu.message(FLOOD, 7)).around
    assert came
    return answered(came, ("biz_rt", "1"), payload)


def test_a_good_acknowledgement_names_its_message() -> None:
    feishu = Feishu()
    assert feishu.acknowledged(ack(feishu)) == feishu.message_id(7)
    assert len(ack(feishu)) > feishu.shortest_ack > len(encode(Frame(0, 0, SERVICE_ID, 0, (("type", "ping"),))))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda frame: encode(attrs.evolve(frame, payload=b'{"code":500}')), "with code 500"),
        (lambda frame: encode(attrs.evolve(frame, headers=frame.headers[:-3], payload=TAKEN)), "sent: headers"),
        (lambda frame: encode(attrs.evolve(frame, seq_id=1, payload=TAKEN)), "sent: SeqID"),
        (lambda frame: encode(attrs.evolve(frame, payload=b"?")), "not JSON"),
        (lambda frame: encode(attrs.evolve(frame, payload=TAKEN))[:-1], "no acknowledgement: cut off"),
    ],
    ids=["refused", "headers", "numbers", "payload", "cut"],
)
def test_what_is_no_acknowledgement_is_said(change: object, said: str) -> None:
    assert callable(change)
    feishu = Feishu()
    with pytest.raises(ValueError, match=said):
        feishu.acknowledged(change(decode(feishu.message(FLOOD, 7))))


def test_a_rounded_log_id_is_forgiven() -> None:
    feishu = Feishu()
    frame = decode(ack(feishu))
    rounded = attrs.evolve(frame, log_id=int(float(frame.log_id)))
    assert rounded.log_id != frame.log_id
    assert feishu.acknowledged(encode(rounded)) == feishu.message_id(7)

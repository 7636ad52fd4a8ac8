"""Every recorded frame means what it is expected to mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trio_bridge.messages import Attachment, Quote
from trio_bridge.platforms.dingtalk.extract import Extracted, milliseconds
from trio_bridge.platforms.dingtalk.frames import BadFrame, decode
from trio_bridge.platforms.dingtalk.protocol import DingTalkProtocol
from trio_bridge.wire.protocol import Delivery

CARD_ANSWER = {
    "response": {
        "cardUpdateOptions": {"updateCardDataByKey": True, "updatePrivateDataByKey": True},
        "cardData": {"cardParamMap": {}},
        "userPrivateData": {"cardParamMap": {}},
    }
}
GRAPH_ANSWER = {"response": {"body": "", "headers": {}, "statusLine": {"code": 200, "reasonPhrase": "OK"}}}
ROBOT_ANSWER = {"response": {"success": True}}

PROTOCOL_KEYS = {"kind", "topic", "message_id", "ack", "error", "error_any", "close", "reason", "unknown", "time_ms"}
NOT_UNDERSTOOD = {"not_json", "not_object", "bad_headers", "unknown_type"}

ELSEWHERE = {
    "duplicate_of",  # test_traps.py
    "raw_kept",
    "safe_name",  # when files are downloaded
    "msg_id", "text_len", "text_char",  # handled below
    "out_track_id", "user", "action_ids", "params", "method", "uri", "body",  # test_callbacks.py
    "event_type", "event_id",  # test_events.py
}  # fmt: skip


def test_the_frame_is_answered_as_expected(vector: dict[str, Any]) -> None:
    expect = vector["expect"]
    protocol = DingTalkProtocol()

    batch = protocol.receive([vector["frame"]])

    is_message = expect.get("kind") == "message"
    assert len(batch.deliveries) == (1 if is_message else 0)
    acks = [protocol.ack(delivery) for delivery in batch.deliveries]
    answers = [frame for frame in [*batch.replies, *acks] if frame is not None]
    if expect["ack"] == "none" or expect.get("message_id", "") is None:
        assert answers == []
        return
    (text,) = answers
    ack = json.loads(text)
    assert ack["headers"] == {"contentType": "application/json", "messageId": expect["message_id"]}
    frame = json.loads(vector["frame"])
    match expect["ack"]:
        case "echo":
            assert (ack["code"], ack["data"]) == (200, frame["data"])
        case "ok":
            answer = {"message": ROBOT_ANSWER, "card": CARD_ANSWER, "graph": GRAPH_ANSWER}[expect["kind"]]
            assert (ack["code"], json.loads(ack["data"])) == (200, answer)
        case "event_ok":
            assert (ack["code"], json.loads(ack["data"])) == (200, {"status": "SUCCESS", "message": "OK"})
        case code:
            assert str(ack["code"]) == code


def test_the_frame_is_counted_as_expected(vector: dict[str, Any]) -> None:
    expect = vector["expect"]
    batch = DingTalkProtocol().receive([vector["frame"]])
    unread_event = expect.get("kind") == "event" and "error" in expect
    assert batch.bad == (1 if expect.get("error") in NOT_UNDERSTOOD or unread_event else 0)
    assert batch.leaving == (expect["reason"] if expect.get("kind") == "disconnect" else None)


def test_the_envelope_is_opened_as_expected(vector: dict[str, Any]) -> None:
    expect = vector["expect"]
    if expect.get("error") in NOT_UNDERSTOOD:
        with pytest.raises(BadFrame) as caught:
            decode(vector["frame"])
        assert caught.value.args[0] in expect.get("error_any", [expect["error"]])
        return
    envelope = decode(vector["frame"])
    assert envelope.message_id == expect.get("message_id")
    if "topic" in expect:
        assert envelope.topic == expect["topic"]
    if expect.get("kind") == "event":
        assert envelope.headers["eventType"] == expect["event_type"]
        assert envelope.headers["eventId"] == expect["event_id"]
    if "time_ms" in expect:
        assert milliseconds(envelope.headers["time"]) == expect["time_ms"]
    for name in expect.get("unknown", {}).get("frame", []):
        assert name in envelope.fields
    for name in expect.get("unknown", {}).get("headers", []):
        assert name in envelope.headers


def test_the_message_says_what_is_expected(vector: dict[str, Any]) -> None:
    expect = vector["expect"]
    if expect.get("kind") != "message":
        return
    (delivery,) = DingTalkProtocol().receive([vector["frame"]]).deliveries
    data = json.loads(delivery.data)
    said = Extracted(data)

    assert said.msg_id == expect["msg_id"]
    if expect["text"] is None:
        assert said.text == expect["text_char"] * expect["text_len"]
    compared = set(expect) - PROTOCOL_KEYS - ELSEWHERE - ({"text"} if expect["text"] is None else set())
    seen = view(said, data, delivery)
    assert {key: seen[key] for key in compared} == {key: expect[key] for key in compared}
    # What the line does not mention is not there.
    assert (said.is_reply, bool(said.links), bool(said.skills)) == (
        "quote" in expect, "links" in expect, "skills" in expect,
    )  # fmt: skip
    assert said.drop == expect.get("drop")
    assert said.command == expect.get("command")


def view(said: Extracted, data: dict[str, Any], delivery: Delivery) -> dict[str, Any]:
    """What was extracted, in the words of the recorded expectations."""
    return {
        **{name: getattr(said, name) for name in dir(said) if not name.startswith("_")},
        "media": [medium(item) for item in said.media],
        "links": list(said.links),
        "skills": [{"id": skill.id, "name": skill.name} for skill in said.skills],
        "quote": None if said.quote is None else quoted(said.quote),
        "at_dingtalk_ids": list(said.at_dingtalk_ids),
        "at_mobiles": list(said.at_mobiles),
        "session_webhook": data.get("sessionWebhook"),
        "session_webhook_expires_ms": milliseconds(data.get("sessionWebhookExpiredTime")),
    }


def medium(item: Attachment) -> dict[str, Any]:
    return {"kind": item.kind, **({"name": item.name} if item.name else {}), **item.source}


def quoted(quote: Quote) -> dict[str, Any]:
    return {
        "msg_id": quote.id,
        "msg_type": quote.kind,
        "text": quote.text,
        "media": [medium(item) for item in quote.attachments],
    }

"""The server's own codec and its judgement of acknowledgements, against recorded bytes."""

import hashlib
import json
from contextlib import suppress
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.platforms.feishu.gateway.acks import Ack, BadAck, answer_in, differences, read_ack
from trio_bridge.platforms.feishu.gateway.fragments import Fragments, Piece, is_complete
from trio_bridge.platforms.feishu.gateway.frames import BadFrame, Frame, decode, encode
from trio_bridge.platforms.feishu.gateway.letters import letter_of

DATA = Path(__file__).parents[2] / "data" / "feishu"


def rows(name):
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


VECTORS = rows("frames.jsonl")
GOOD = [row for row in VECTORS if "error" not in row]
SPOKEN = {row["name"]: row for row in rows("sdk_frames.jsonl")}
ACKS = [row for row in SPOKEN.values() if row.get("answers")]


@pytest.mark.parametrize("row", GOOD, ids=lambda row: row["name"])
def test_every_recorded_frame_is_read_and_written(row):
    frame, expected = decode(bytes.fromhex(row["hex"])), row["decoded"]
    assert (frame.seq_id, frame.log_id, frame.service, frame.method) == (
        expected["SeqID"],
        expected["LogID"],
        expected["service"],
        expected["method"],
    )
    assert [list(header) for header in frame.headers] == expected["headers"]
    texts = (frame.payload_encoding, frame.payload_type, frame.log_id_new)
    assert texts == (expected["payload_encoding"], expected["payload_type"], expected["LogIDNew"])
    assert (frame.payload is None) == (expected["payload_len"] is None)
    if frame.payload is not None:
        assert hashlib.sha256(frame.payload).hexdigest() == expected["payload_sha256"]
    assert (encode(frame).hex() == row["hex"]) is row["canonical"]
    assert decode(encode(frame)) == frame


@pytest.mark.parametrize("row", [row for row in VECTORS if "error" in row], ids=lambda row: row["name"])
def test_every_recorded_bad_frame_is_refused_with_a_reason(row):
    with pytest.raises(BadFrame, match=r"\w"):
        decode(bytes.fromhex(row["hex"]))


def test_a_number_has_64_bits_and_what_is_in_a_group_is_passed_over():
    rest = encode(Frame())[2:]
    assert decode(b"\x08" + b"\xff" * 9 + b"\x7f" + rest).seq_id == 2**64 - 1
    assert decode(encode(Frame()) + b"\x53\x08\x05\x54") == Frame()


def test_groups_may_be_nested_but_not_without_end():
    whole = encode(Frame())
    assert decode(whole + b"\x53" * 50 + b"\x54" * 50) == Frame()
    with pytest.raises(BadFrame):
        decode(whole + b"\x53" * 5000 + b"\x54" * 5000)


@given(st.binary())
def test_no_bytes_raise_anything_else(data):
    with suppress(BadFrame):
        decode(data)


@pytest.mark.parametrize("row", ACKS, ids=lambda row: row["name"])
def test_every_acknowledgement_of_the_official_sdks_is_accepted(row):
    ack, sent = decode(bytes.fromhex(row["hex"])), decode(bytes.fromhex(SPOKEN[row["answers"]]["hex"]))
    rounded = row["sdk"].startswith("node")
    said = read_ack(ack)
    assert said.message_id == sent.header("message_id")
    assert said.code == json.loads(ack.payload)["code"]
    assert list(differences(ack, sent, rounded=rounded)) == []
    if rounded and ack.log_id != sent.log_id:
        assert list(differences(ack, sent, rounded=False)) == ["LogID"]


def test_the_recorded_acknowledgements_hold_what_they_are_there_for():
    frames = [decode(bytes.fromhex(row["hex"])) for row in ACKS]
    assert {read_ack(frame).code for frame in frames} == {200, 500}
    delivered = [decode(bytes.fromhex(SPOKEN[row["answers"]]["hex"])) for row in ACKS]
    assert any(ack.log_id != sent.log_id for ack, sent in zip(frames, delivered, strict=True))
    assert {frame.headers[-1][0] for frame in frames} >= {"biz_rt", "instance_id"}
    answers = [answer_in(read_ack(frame).data) for frame in frames]
    assert {"toast": {"type": "info", "content": "ok 好"}} in answers


SENT = Frame(
    seq_id=7,
    log_id=2**53 + 1,
    service=1,
    headers=(("type", "event"), ("message_id", "m"), ("sum", "1"), ("seq", "0")),
    log_id_new="trace",
)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, []),
        ({"headers": (*SENT.headers, ("biz_rt", "-3"))}, []),
        ({"payload_type": "json"}, []),
        ({"seq_id": 8}, ["SeqID"]),
        ({"log_id": 2**53}, ["LogID"]),
        ({"service": 2}, ["service"]),
        ({"method": 2}, ["method"]),
        ({"log_id_new": None}, ["LogIDNew"]),
        ({"headers": SENT.headers[::-1]}, ["headers"]),
        ({"headers": SENT.headers[1:]}, ["headers"]),
        ({"headers": (*SENT.headers, ("biz_rt", "soon"))}, ["headers behind the echo: biz_rt"]),
        ({"headers": (*SENT.headers, ("a", "1"), ("biz_rt", "1"))}, ["headers behind the echo: a, biz_rt"]),
    ],
)
def test_an_acknowledgement_is_the_frame_again_and_little_more(changes, said):
    assert list(differences(attrs.evolve(SENT, **changes), SENT, rounded=False)) == said


@pytest.mark.parametrize(
    "payload",
    [None, b"", b"ok", b"[]", b'{"code":"200"}', b'{"code":true}', b'{"code":404}', b'{"code":200,"data":{}}',
     b'{"code":200,"more":1}', b"[" * 100_000],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_acknowledgement_is_refused_with_a_reason(payload):
    with pytest.raises(BadAck, match=r"\w"):
        read_ack(attrs.evolve(SENT, payload=payload))
    with pytest.raises(BadAck, match="message_id"):
        read_ack(Frame(payload=b'{"code":200}'))


def test_headers_may_come_with_the_code():
    assert read_ack(attrs.evolve(SENT, payload=b'{"code":200,"headers":{},"data":null}')) == Ack("m", 200, None)


@pytest.mark.parametrize("data", ["not base64!", "e3!0=", "bm90IGpzb24="], ids=["no-base64", "almost", "no-json"])
def test_an_answer_that_cannot_be_read_is_told_from_none(data):
    assert answer_in(None) is None
    assert answer_in("") is None
    assert answer_in("e30=") == {}
    with pytest.raises(BadAck):
        answer_in(data)


# Fragments.


def test_an_event_is_cut_anywhere_and_sent_in_any_order():
    payload = "«好»".encode()
    assert Fragments().pieces(payload) == [
        Piece("3", "0", payload[:2]),
        Piece("3", "1", payload[2:4]),
        Piece("3", "2", payload[4:]),
    ]
    odd = Fragments(cuts=(3, 3), order=(2, 0, 0), labels={0: ("4", "9")}).pieces(payload)
    assert odd == [Piece("3", "2", payload[3:]), Piece("4", "9", payload[:3]), Piece("4", "9", payload[:3])]


@pytest.mark.parametrize(
    ("labels", "complete"),
    [
        ([("1", "0")], True),
        ([("2", "0")], False),
        ([("2", "1"), ("2", "1"), ("2", "0")], True),
        ([("2", "0"), ("3", "1")], False),
        ([("2", "0"), ("3", "1"), ("2", "1")], True),
        ([("3", "5")], False),
        ([("0", "0")], False),
        ([("50000000", "0")], False),
        ([("x", "0")], False),
        ([(None, "0")], False),
    ],
    ids=range(10),
)
def test_when_a_client_has_it_all(labels, complete):
    assert is_complete(labels) is complete


# Letters.


def test_a_letter_knows_what_identifies_it():
    message = next(row for row in SPOKEN.values() if row["name"] == "py_message_delivered")
    letter = letter_of(decode(bytes.fromhex(message["hex"])).payload)
    assert letter.event_type == "im.message.receive_v1"
    assert letter.wants_answer
    assert letter.key
    old = letter_of({"uuid": "u1", "event": {"type": "message", "open_message_id": "om_1", "open_chat_id": "oc_1"}})
    assert (old.key, old.event_type, old.message_id, old.chat_id) == ("u1", "message", "om_1", "oc_1")
    press = letter_of({"header": {"event_type": "card.action.trigger"}, "event": {"token": "c-1"}})
    assert press.is_callback
    assert press.token == "c-1"
    assert letter_of(b"\xff").key == letter_of(b"[1]").key == letter_of({"header": 3}).key == ""

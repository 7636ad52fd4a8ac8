"""The codec of frames writes what google's library writes, and refuses what it refuses."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import attrs
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError, Message
from hypothesis import example, given
from hypothesis import strategies as st

from trio_bridge.platforms.feishu.frames import ROOM, BadFrame, Frame, answered, decode, encode

DATA = Path(__file__).parents[2] / "data" / "feishu"


def rows_of(name: str) -> dict[str, Any]:
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return {row["name"]: row for row in map(json.loads, lines)}


VECTORS, SPOKEN = rows_of("frames.jsonl"), rows_of("sdk_frames.jsonl")
BYTES = [bytes.fromhex(row["hex"]) for row in VECTORS.values()]

REQUIRED, OPTIONAL, REPEATED = (
    descriptor_pb2.FieldDescriptorProto.LABEL_REQUIRED,
    descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL,
    descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED,
)
TYPES = descriptor_pb2.FieldDescriptorProto


def google_class() -> type[Message]:
    file = descriptor_pb2.FileDescriptorProto(name="frame.proto", package="ours", syntax="proto2")
    header, frame = file.message_type.add(name="Header"), file.message_type.add(name="Frame")
    for number, name in enumerate(("key", "value"), 1):
        header.field.add(name=name, number=number, type=TYPES.TYPE_STRING, label=REQUIRED)
    for number, name, kind, label in (
        (1, "SeqID", TYPES.TYPE_UINT64, REQUIRED),
        (2, "LogID", TYPES.TYPE_UINT64, REQUIRED),
        (3, "service", TYPES.TYPE_INT32, REQUIRED),
        (4, "method", TYPES.TYPE_INT32, REQUIRED),
        (6, "payload_encoding", TYPES.TYPE_STRING, OPTIONAL),
        (7, "payload_type", TYPES.TYPE_STRING, OPTIONAL),
        (8, "payload", TYPES.TYPE_BYTES, OPTIONAL),
        (9, "LogIDNew", TYPES.TYPE_STRING, OPTIONAL),
    ):
        frame.field.add(name=name, number=number, type=kind, label=label)
    frame.field.add(name="headers", number=5, type=TYPES.TYPE_MESSAGE, label=REPEATED, type_name=".ours.Header")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("ours.Frame"))


GOOGLE: Any = google_class()


def by_google(data: bytes) -> Any | None:
    """The frame as google reads it; ``None`` where it is none. Unlike google, we refuse texts that are not UTF-8."""
    message = GOOGLE()
    try:
        message.ParseFromString(data)
    except DecodeError:
        return None
    if not message.IsInitialized():
        return None
    message.DiscardUnknownFields()
    texts = [message.payload_encoding, message.payload_type, message.LogIDNew]
    texts += [text for header in message.headers for text in (header.key, header.value)]
    return None if any(isinstance(text, bytes) for text in texts) else message


def by_us(data: bytes) -> Frame | None:
    try:
        return decode(data)
    except BadFrame:
        return None


def assert_same(data: bytes) -> None:
    ours, theirs = by_us(data), by_google(data)
    assert (ours is None) == (theirs is None), (ours, theirs)
    if ours is not None:
        assert theirs is not None
        assert encode(ours) == theirs.SerializeToString()


def as_vector(frame: Frame) -> dict[str, Any]:
    payload = frame.payload
    return {
        "SeqID": frame.seq_id,
        "LogID": frame.log_id,
        "service": frame.service,
        "method": frame.method,
        "headers": [list(header) for header in frame.headers],
        "payload_encoding": frame.payload_encoding,
        "payload_type": frame.payload_type,
        "LogIDNew": frame.log_id_new,
        "payload_len": None if payload is None else len(payload),
        "payload_sha256": None if payload is None else hashlib.sha256(payload).hexdigest(),
    }


@pytest.mark.parametrize("name", VECTORS)
def test_vectors(name: str) -> None:
    vector = VECTORS[name]
    data = bytes.fromhex(vector["hex"])
    assert_same(data)
    if "error" in vector:
        with pytest.raises(BadFrame):
            decode(data)
        return
    frame = decode(data)
    expected = {"payload_sha256": None, **vector["decoded"]}
    said = as_vector(frame)
    assert {key: expected.get(key) for key in said} == said
    assert (encode(frame) == data) is vector["canonical"]


@pytest.mark.parametrize("name", SPOKEN)
def test_frames_of_the_official_sdks_come_out_as_they_went_in(name: str) -> None:
    data = bytes.fromhex(SPOKEN[name]["hex"])
    assert encode(decode(data)) == data


def test_a_frame_that_changed_in_any_way_is_read_or_refused_as_google_does() -> None:
    rand = random.Random(20)
    odd = (0, 1, 7, 0x0B, 0x0C, 0x12, 0x2A, 0x7F, 0x80, 0xFF)
    for _ in range(6000):
        data = bytearray(rand.choice(BYTES)[:300])
        for _ in range(rand.randint(1, 4)):
            place = rand.randrange(len(data) + 1)
            match rand.randrange(4):
                case 0 if place < len(data):
                    data[place] = rand.choice((*odd, rand.randrange(256)))
                case 1:
                    del data[place : place + rand.randint(1, 3)]
                case 2:
                    data[place:place] = [rand.choice((*odd, rand.randrange(256))) for _ in range(rand.randint(1, 9))]
                case _:
                    del data[rand.randint(place, len(data)) :]
        assert_same(bytes(data))


BASE = bytes.fromhex("0800100018002000")


@given(st.binary(max_size=80))
@example(b"")
@example(b"\x80\x00")
@example(b"\xf8\xff\xff\xff\x0f\x01")
@example(b"\xf8\xff\xff\xff\x1f\x01")
@example(b"\xf8\x80\x80\x80\x80\x00\x01")
@example(b"\x42\x80\x80\x80\x80\x80\x00")
@example(b"\x10" + b"\xff" * 9 + b"\x7f")
@example(b"\x7b" * 100 + b"\x7c" * 100)
@example(b"\x7b" * 101 + b"\x7c" * 101)
@example(b"\x0b\x00\x00\x0c")
def test_whatever_follows_a_frame_is_read_or_refused_as_google_does(data: bytes) -> None:
    assert_same(BASE + data)


@pytest.mark.parametrize(
    "fields",
    [
        b"\x2a\x04\x0a\x00\x12\x00" * (ROOM // 6),
        b"\x08\x01" * (ROOM // 2),
        b"\x42\x00" * (ROOM // 2),
        b"\x50\x01" * (ROOM // 2),
        b"\x53\x54" * (ROOM // 2),
        b"\x53" + b"\x50\x01" * (ROOM // 2) + b"\x54",
        b"\x2a\x84\x80\x01\x0a\x00\x12\x00" + b"\x18\x01" * (ROOM // 2),
    ],
    ids=["headers", "numbers", "payloads", "unknown", "groups", "in a group", "in a header"],
)
def test_a_frame_is_large_by_its_payload_or_none(fields: bytes) -> None:
    payload = b"\x42\x80\x80\x04" + bytes(4 * ROOM)
    for data in (BASE + fields, BASE + payload + fields, BASE + fields + payload):
        assert by_google(data) is not None
        with pytest.raises(BadFrame):
            decode(data)
        assert_same(data.replace(fields, fields[:0]))


def test_groups_in_a_header_count_the_header() -> None:
    for depth in (99, 100):
        inside = b"\x0a\x01a\x12\x01b" + b"\x7b" * depth + b"\x7c" * depth
        assert_same(BASE + b"\x2a" + bytes([len(inside) & 0x7F | 0x80, len(inside) >> 7]) + inside)


TEXTS = st.text(max_size=200)
NUMBERS = st.integers(0, 2**64 - 1)
SIGNED = st.integers(-(2**31), 2**31 - 1)


@given(
    st.builds(
        Frame,
        NUMBERS,
        NUMBERS,
        SIGNED,
        SIGNED,
        st.lists(st.tuples(TEXTS, TEXTS), max_size=5).map(tuple),
        st.none() | TEXTS,
        st.none() | TEXTS,
        st.none() | st.binary(max_size=300),
        st.none() | TEXTS,
    )
)
def test_what_is_written_is_what_is_read_and_what_google_reads(frame: Frame) -> None:
    data = encode(frame)
    assert decode(data) == frame
    theirs = by_google(data)
    assert theirs is not None
    assert theirs.SerializeToString() == data
    assert theirs.LogID == frame.log_id


ANSWER = b'{"code":200}'


@pytest.mark.parametrize("name", [name for name, row in VECTORS.items() if "error" not in row])
def test_an_answer_is_the_frame_with_one_header_more_and_another_payload(name: str) -> None:
    frame = decode(bytes.fromhex(VECTORS[name]["hex"]))
    answer = decode(answered(frame.around or frame, ("biz_rt", "3"), ANSWER))
    assert answer == attrs.evolve(frame, headers=(*frame.headers, ("biz_rt", "3")), payload=ANSWER)
    theirs = by_google(answered(frame.around or frame, ("biz_rt", "3"), ANSWER))
    assert theirs is not None
    assert theirs.payload == ANSWER


@pytest.mark.parametrize("name", [name for name, row in VECTORS.items() if row.get("canonical")])
def test_the_answer_to_a_frame_in_order_is_in_order(name: str) -> None:
    frame = decode(bytes.fromhex(VECTORS[name]["hex"]))
    whole = attrs.evolve(frame, headers=(*frame.headers, ("biz_rt", "3")), payload=ANSWER)
    assert answered(frame.around or frame, ("biz_rt", "3"), ANSWER) == encode(whole)


def test_the_header_of_an_answer_stands_behind_those_that_came_behind_the_payload() -> None:
    frame = Frame(7, 8, 3, 1, (("type", "event"), ("message_id", "d1")))
    came = decode(encode(frame) + b"\x42\x02{}" + b"\x2a\x08\x0a\x03sum\x12\x011")
    answer = decode(answered(came.around or came, ("biz_rt", "3"), ANSWER))
    assert [name for name, _ in answer.headers] == ["type", "message_id", "sum", "biz_rt"]


def test_trap_11_numbers_of_64_bits_are_exact() -> None:
    for log_id in (2**53 + 1, 537242964292347863, 2**64 - 1):
        assert decode(encode(Frame(log_id, log_id, 0, 1))).log_id == log_id


def test_trap_18_of_headers_with_one_name_the_first_counts_and_all_are_echoed() -> None:
    frame = decode(bytes.fromhex(VECTORS["headers_duplicate_keys"]["hex"]))
    names = [name for name, _ in frame.headers]
    twice = next(name for name in names if names.count(name) > 1)
    assert frame.header(twice) == next(value for name, value in frame.headers if name == twice)
    assert encode(attrs.evolve(frame)) == bytes.fromhex(VECTORS["headers_duplicate_keys"]["hex"])
    assert frame.header("nobody") is None

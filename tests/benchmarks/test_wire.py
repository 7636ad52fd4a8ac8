"""What the harness writes and reads by hand, beside a library that knows the protocol."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side

from benchmarks.flood.acks import Acks
from benchmarks.flood.flood import Flood
from benchmarks.flood.frames import Frames, frame
from benchmarks.flood.platforms import PLATFORMS, Platform
from benchmarks.flood.platforms.dingtalk import DingTalk
from benchmarks.flood.reports import Reports
from benchmarks.flood.server import Sending


def ack(name: str, code: int = 200, padding: int = 0) -> bytes:
    said = {"code": code, "headers": {"messageId": name}, "data": "x" * padding}
    return Frame(Opcode.TEXT, json.dumps(said).encode()).serialize(mask=True)


def test_the_frames_of_a_flood_are_what_a_client_expects() -> None:
    flood = Flood(count=40, lanes=3, size=1500)
    frames, client = Frames.of(DingTalk(), flood), Protocol(Side.CLIENT)
    client.receive_data(frames.wire)
    envelopes = [json.loads(bytes(event.data)) for event in client.events_received() if isinstance(event, Frame)]
    assert [envelope["headers"]["messageId"] for envelope in envelopes] == frames.ids
    data = [json.loads(envelope["data"]) for envelope in envelopes]
    assert len({one["msgId"] for one in data}) == len(set(frames.ids)) == 40
    assert len({one["conversationId"] for one in data}) == len({one["senderStaffId"] for one in data}) == 3
    assert frames.ends[-1] == len(frames.wire)
    sizes = {after - before for before, after in zip([0, *frames.ends], frames.ends, strict=False)}
    assert sizes == {1500 + 4}


@pytest.mark.parametrize("length", [0, 125, 126, 65_535, 65_536])
def test_a_frame_of_any_length_is_well_formed(length: int) -> None:
    assert frame(0x81, b"x" * length) == Frame(Opcode.TEXT, b"x" * length).serialize(mask=False)


@pytest.mark.parametrize("pieces", [1, 7, 10**6])
def test_acknowledgements_are_counted_however_they_are_cut(pieces: int) -> None:
    ping = Frame(Opcode.PING, b"are you there?").serialize(mask=True)
    data, acks = ack("a") + ping + ack("b", padding=200) + ack("c", padding=70_000), Acks(DingTalk())
    for now, start in enumerate(range(0, len(data), pieces)):
        acks.take(data[start : start + pieces], now)
    assert acks.count == 3
    assert acks.pings == [b"are you there?"]
    moments, names = zip(*acks.read(), strict=True)
    assert names == ("a", "b", "c")
    assert list(moments) == sorted(moments)


@pytest.mark.parametrize(
    ("acks", "said"),
    [
        ([(0, 200), (0, 200)], "twice"),
        ([(0, 200), (10, 200)], "never sent"),
        ([(0, 500)], "with code 500"),
        ([(0, 200), (1, 200)], "not acknowledged: 8 messages"),
    ],
)
def test_what_is_not_acknowledged_as_it_should_be_spoils_the_run(acks: list[tuple[int, int]], said: str) -> None:
    flood = Flood(count=10)
    frames = Frames.of(DingTalk(), flood)
    with socket.socket() as nobody:
        sending = Sending(nobody, flood, frames, Reports(pipe=-1))
        sending.handed_over = [(frames.ends[-1], 5)]
        sending.acks.take(b"".join(ack(DingTalk().message_id(number), code) for number, code in acks), now=9)
        with pytest.raises(ValueError, match=said):
            sending.latencies()


@pytest.mark.parametrize("platform", PLATFORMS.values(), ids=list(PLATFORMS))
@pytest.mark.parametrize("size", [1200, 1201, 1202])
def test_a_message_is_as_large_as_asked_and_always_the_same(platform: Callable[[], Platform], size: int) -> None:
    flooding, flood = platform(), Flood(count=10, size=size)
    messages = [flooding.message(flood, number) for number in (7, 7, 8)]
    assert messages[0] == messages[1] != messages[2]
    assert len(flooding.message(Flood(count=10, size=size + 100), 7)) == len(messages[0]) + 100


def test_a_client_that_closes_is_noticed() -> None:
    with pytest.raises(ConnectionError, match="0x88"):
        Acks(DingTalk()).take(Frame(Opcode.CLOSE, b"").serialize(mask=True), 0)


def test_the_cost_of_a_tenth_is_read_between_reports() -> None:
    reports = Reports(pipe=-1, handled=100, marks=[(5, 1_050), (50, 5_550), (100, 11_000)])
    assert reports.cost_between(0.0, 0.1, (1_000, 11_550)) == 55.0  # 50 up to the fifth, 500 for the five after it
    assert reports.cost_between(0.9, 1.0, (1_000, 11_550)) == 120.0

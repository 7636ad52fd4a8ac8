"""Frames in, a batch out; a delivery in, its acknowledgement out."""

from __future__ import annotations

import base64
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.platforms.feishu.arriving import NOT_JSON, UNREADABLE, Arriving
from trio_bridge.platforms.feishu.client_config import Terms
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.platforms.feishu.frames import CONTROL, DATA, Frame, decode, encode
from trio_bridge.platforms.feishu.protocol import KEPT_OF_NO_TEXT, LONGEST_ID, FeishuProtocol
from trio_bridge.wire.fragments import Fragments
from trio_bridge.wire.protocol import Batch, Delivery

ROWS = (Path(__file__).parents[2] / "data" / "feishu" / "sdk_frames.jsonl").read_text(encoding="utf-8").splitlines()
SPOKEN = {row["name"]: row for row in map(json.loads, ROWS)}
NOW = 1795161746.0
APP = "cli_a1b2c3d4e5f60718"
SERVICE = 33554678

EVENT = {
    "schema": "2.0",
    "header": {"event_id": "e1", "event_type": "im.message.receive_v1", "app_id": APP, "create_time": "1795161745640"},
    "event": {
        "sender": {"sender_id": {"open_id": "ou_1"}, "sender_type": "user"},
        "message": {"message_id": "om_1", "chat_id": "oc_1", "chat_type": "p2p", "create_time": "1795161745628"},
    },
}


async def nothing(*_: Any) -> None:
    """A handler."""


class Side:
    """One connection's protocol, and its clock."""

    def __init__(self, **settings: Any) -> None:
        self.now = 100.0
        config = Feishu(name="a", app_id=APP, app_secret="s", **settings)
        self.terms = Terms(config)
        fragments = Fragments(most_pieces=config.max_fragments, most_bytes=config.max_event_bytes, ttl=30.0)
        arriving = Arriving(config, lambda: NOW)
        self.protocol = FeishuProtocol(SERVICE, arriving, self.terms, fragments, lambda: self.now, config.labels)

    def receive(self, *frames: Frame) -> Batch:
        self.protocol.expire(self.now)
        return self.protocol.receive([encode(frame) for frame in frames])

    def acked(self, delivery: Delivery, answer: Any = None) -> Frame:
        frame = self.protocol.ack(delivery, answer)
        assert isinstance(frame, bytes)
        return decode(frame)


def event_frame(
    payload: Any, message_id: str = "d1", *, total: str = "1", seq: str = "0", kind: str = "event"
) -> Frame:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    headers = (("biz_type", "event"), ("type", kind), ("message_id", message_id), ("sum", total), ("seq", seq))
    return Frame(7, 2**60 + 1, SERVICE, DATA, headers, payload=body, log_id_new="trace")


def changed(**header: Any) -> dict[str, Any]:
    return {**EVENT, "header": {**EVENT["header"], **header}}  # type: ignore[dict-item]


def test_an_acknowledgement_is_the_frame_with_another_payload() -> None:
    side = Side()
    sent = event_frame(EVENT)
    batch = side.receive(sent)
    [delivery] = batch.deliveries
    assert (delivery.key, delivery.alias, delivery.lane) == ("om_1", "e:e1", "oc_1")
    assert json.loads(delivery.data) == EVENT
    side.now += 0.012
    ack = side.acked(delivery)
    assert ack.headers == (*sent.headers, ("biz_rt", "12"))
    assert (ack.seq_id, ack.log_id, ack.service, ack.method, ack.log_id_new) == (7, 2**60 + 1, SERVICE, DATA, "trace")
    assert ack.payload == b'{"code":200}'
    refused = side.protocol.refuse(delivery)
    assert isinstance(refused, bytes)
    assert decode(refused).payload == b'{"code":500}'


@pytest.mark.parametrize(
    "name", ["py_message_ack", "py_card_action_ack", "py_slow_ack_1", "py_slow_ack_2", "py_early_ack"]
)
def test_our_acknowledgements_are_those_of_the_official_sdk_but_for_spaces_and_time(name: str) -> None:
    row = SPOKEN[name]
    theirs = decode(bytes.fromhex(row["hex"]))
    said = json.loads(theirs.payload or b"{}")
    side = Side(on_card_action=nothing, on_event=nothing, stale_after=0)
    batch = side.receive(decode(bytes.fromhex(SPOKEN[row["answers"]]["hex"])))
    [delivery] = batch.deliveries
    answer = base64.b64decode(said["data"]).decode() if "data" in said else None
    ours = side.acked(delivery, answer)
    assert json.loads(ours.payload or b"") == said
    assert [header for header in ours.headers if header[0] != "biz_rt"] == [
        header for header in theirs.headers if header[0] != "biz_rt"
    ]
    assert (ours.seq_id, ours.log_id, ours.log_id_new) == (theirs.seq_id, theirs.log_id, theirs.log_id_new)


def test_trap_10_fragments_in_any_order_cut_inside_a_character() -> None:
    side = Side()
    said = json.dumps({**EVENT, "note": "片段"}, ensure_ascii=False).encode()
    cut = said.index("片".encode()) + 1
    pieces = [said[:cut], said[cut : cut + 2], said[cut + 2 :]]
    frames = {seq: event_frame(pieces[seq], total="3", seq=str(seq)) for seq in range(3)}
    assert side.receive(frames[2], frames[0]) == Batch()
    [delivery] = side.receive(frames[1]).deliveries
    assert json.loads(delivery.data)["note"] == "片段"
    assert side.receive(frames[0]) == Batch(), "late and double, and nobody was answered yet"
    ack = side.acked(delivery)
    assert ack.header("seq") == "1", "the frame that came last is echoed"
    late = side.receive(frames[2])
    assert (late.deliveries, len(late.replies)) == ([], 1)
    echoed = decode(late.replies[0])  # type: ignore[arg-type]
    assert (echoed.header("seq"), echoed.payload) == ("2", b'{"code":200}')
    side.now += 61
    assert side.receive(frames[2]) == Batch(), "it begins anew after a minute"


def test_trap_10_an_empty_last_chunk_completes() -> None:
    side = Side()
    side.receive(event_frame(EVENT, total="2", seq="0"))
    assert len(side.receive(event_frame(b"", total="2", seq="1")).deliveries) == 1


def test_trap_10_fragments_six_seconds_apart_are_put_together() -> None:
    side = Side()
    side.receive(event_frame(b'{"schema":"2.0","header":', total="3", seq="0"))
    side.now += 6
    side.receive(event_frame(json.dumps(EVENT["header"]).encode(), total="3", seq="1"))
    side.now += 6
    batch = side.receive(event_frame(b',"event":{}}', total="3", seq="2"))
    assert len(batch.deliveries) == 1


@pytest.mark.parametrize(
    ("total", "seq"),
    [("50000000", "3"), ("0", "0"), ("3", "3"), ("3", "-1"), ("x", "0"), ("3", ""), ("9" * 5000, "0"), ("３", "0")],
)
def test_trap_10_sums_and_seqs_that_can_not_be_are_no_fragments(total: str, seq: str) -> None:
    side = Side()
    batch = side.receive(event_frame(b"{}", total=total, seq=seq))
    assert batch == Batch(bad=1), "not acknowledged, and nothing is kept for it"


def test_the_id_of_an_event_in_fragments_is_as_long_as_is_remembered() -> None:
    side = Side()
    for seq in ("0", "1"):
        assert side.receive(event_frame(b"{}", "x" * (LONGEST_ID + 1), total="2", seq=seq)) == Batch(bad=1)
    assert side.receive(event_frame(b"{", "x" * LONGEST_ID, total="2", seq="0")).bad == 0
    assert len(side.receive(event_frame(b"}", "x" * LONGEST_ID, total="2", seq="1")).deliveries) == 1


def test_without_sum_and_seq_a_frame_is_whole() -> None:
    frame = Frame(0, 0, 1, DATA, (("type", "event"),), payload=json.dumps(EVENT).encode())
    assert len(Side().receive(frame).deliveries) == 1


def test_trap_12_a_type_that_nobody_handles_is_acknowledged_and_counted() -> None:
    side = Side()
    batch = side.receive(event_frame(changed(event_type="im.chat.updated_v1")))
    assert (batch.deliveries, batch.unwanted) == ([], 1)
    assert decode(batch.replies[0]).payload == b'{"code":200}'  # type: ignore[arg-type]


def test_a_callback_that_nobody_handles_is_answered_with_nothing() -> None:
    batch = Side().receive(event_frame(changed(event_type="card.action.trigger")))
    assert decode(batch.replies[0]).payload == b'{"code":200,"data":"e30="}'  # type: ignore[arg-type]


def test_callbacks_are_answered_in_their_acknowledgement() -> None:
    side = Side(on_card_action=nothing, callback_deadline=1.5)
    [delivery] = side.receive(event_frame(changed(event_type="card.action.trigger"))).deliveries
    assert delivery.answer_within == 1.5
    answer = '{"toast":{"type":"info","content":"好"}}'
    said = json.loads(side.acked(delivery, answer).payload or b"")
    assert json.loads(base64.b64decode(said["data"])) == json.loads(answer)
    assert side.acked(delivery).payload == b'{"code":200,"data":"e30="}', "at its deadline"
    refused = side.protocol.refuse(delivery)
    assert isinstance(refused, bytes)
    assert decode(refused).payload == b'{"code":200,"data":"e30="}', "a handler that failed"


def test_trap_13_an_old_card_is_counted_told_once_and_not_acknowledged(caplog: pytest.LogCaptureFixture) -> None:
    side = Side()
    with caplog.at_level(logging.WARNING):
        for number in range(3):
            batch = side.receive(event_frame({"open_id": "ou_1"}, f"d{number}", kind="card"))
            assert batch == Batch(unwanted=1)
    assert [record.getMessage() for record in caplog.records] == ["not understood, and passed over"]
    assert len(side.receive(event_frame(EVENT)).deliveries) == 1


def test_what_is_no_event_is_kept_and_what_is_no_json_is_refused_too() -> None:
    side = Side()
    for payload, topic, answer in (
        (b'{"hello":"world"}', UNREADABLE, b'{"code":200}'),
        (b"[1]", UNREADABLE, b'{"code":200}'),
        (b"not json", NOT_JSON, b'{"code":500}'),
        (b"", NOT_JSON, b'{"code":500}'),
        (b"\xff\xfe", NOT_JSON, b'{"code":500}'),
    ):
        [delivery] = side.receive(event_frame(payload)).deliveries
        [again] = side.receive(event_frame(payload, "d2")).deliveries
        assert (delivery.topic, delivery.key) == (topic, again.key)
        assert side.acked(delivery).payload == answer


def test_of_what_is_no_text_little_is_kept() -> None:
    [delivery] = Side().receive(event_frame(b"\xff" * 100_000)).deliveries
    assert delivery.data == "\\xff" * KEPT_OF_NO_TEXT


def test_calls_of_old_that_are_no_events_are_for_nobody() -> None:
    for payload in ({"type": "url_verification", "challenge": "x"}, {"open_message_id": "om_1", "action": {}}):
        assert Side().receive(event_frame(payload)).unwanted == 1


@pytest.mark.parametrize(
    ("age", "stale_after", "wanted"), [(1799, 1800, True), (1801, 1800, False), (10**6, 0, True), (-9999, 1800, True)]
)
def test_a_message_may_be_too_old_when_it_arrives(age: int, stale_after: float, wanted: bool) -> None:
    message = {**EVENT["event"]["message"], "create_time": str(int((NOW - age) * 1000))}  # type: ignore[index]
    batch = Side(stale_after=stale_after).receive(
        event_frame({**EVENT, "event": {**EVENT["event"], "message": message}})
    )  # type: ignore[dict-item]
    assert bool(batch.deliveries) is wanted
    assert len(batch.replies) == (not wanted)


@pytest.mark.parametrize("create_time", ["0" * 5000 + "1795161745628000", "9" * 5000, "1e400", "\u0661" * 16], ids=repr)
def test_a_time_that_nobody_can_read_ends_no_connection(create_time: str) -> None:
    message = {**EVENT["event"]["message"], "create_time": create_time}  # type: ignore[index]
    frame = event_frame({**EVENT, "event": {**EVENT["event"], "message": message}})  # type: ignore[dict-item]
    assert len(Side(stale_after=10**9).receive(frame).deliveries) == 1


def test_events_of_another_app_are_for_nobody_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    side = Side()
    with caplog.at_level(logging.WARNING):
        for number in range(3):
            assert side.receive(event_frame(changed(app_id="cli_other"), f"d{number}")).unwanted == 1
    assert len(caplog.records) == 1


def test_trap_17_a_pong_without_payload_is_a_sign_of_life_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    side = Side()
    for payload in (None, b""):
        assert side.receive(Frame(0, 0, SERVICE, CONTROL, (("type", "pong"),), payload=payload)) == Batch()
    assert not caplog.records
    before = side.protocol.beat_interval
    side.receive(Frame(0, 0, SERVICE, CONTROL, (("type", "pong"),), payload=b'{"PingInterval":33}'))
    assert (before, side.protocol.beat_interval) == (120.0, 33.0)
    side.receive(Frame(0, 0, SERVICE, CONTROL, (("type", "pong"),), payload=b"not json"))
    side.receive(Frame(0, 0, SERVICE, CONTROL, (("type", "ping"),)))
    assert side.protocol.beat_interval == 33.0


def test_the_ping_is_that_of_the_official_sdks() -> None:
    ping = Side().protocol.beat()
    assert ping == bytes.fromhex("0800100018f681801020002a0c0a0474797065120470696e67")
    assert ping == bytes.fromhex(SPOKEN["py_ping"]["hex"])


def test_text_messages_and_bad_frames_hurt_nobody(caplog: pytest.LogCaptureFixture) -> None:
    side = Side()
    with caplog.at_level(logging.INFO):
        batch = side.protocol.receive(["text", b"\xff", b"", encode(event_frame(EVENT)), "text"])
        assert (batch.bad, len(batch.deliveries)) == (2, 1)
        assert side.receive(event_frame(b"x", total="2", seq="2")) == Batch(bad=1)
    assert [(record.getMessage(), vars(record)["account"]) for record in caplog.records] == [
        ("not understood, and passed over", "a"),
        ("no frame", "a"),
        ("no frame", "a"),
        ("no fragment", "a"),
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "schema",
                        "header",
                        "event",
                        "uuid",
                        "event_id",
                        "event_type",
                        "message",
                        "message_id",
                        "chat_id",
                        "create_time",
                        "type",
                        "ts",
                        "app_id",
                    ]
                ),
                inner,
                max_size=6,
            )
        ),
        max_leaves=20,
    )
)
def test_whatever_a_payload_holds_it_is_taken_or_passed_over(payload: Any) -> None:
    side = Side(on_event=nothing, on_card_action=nothing)
    batch = side.receive(event_frame(payload))
    assert len(batch.deliveries) + len(batch.replies) == 1
    for delivery in batch.deliveries:
        assert all(isinstance(text, str) for text in (delivery.key, delivery.lane, delivery.topic, delivery.data))
        assert delivery.key
        assert delivery.lane
        side.acked(delivery)

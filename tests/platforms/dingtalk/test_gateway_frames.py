import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_bridge.platforms.dingtalk.gateway.frames import (
    CARD,
    GRAPH,
    ROBOT,
    BadAck,
    as_object,
    letter_in,
    letter_of,
    read_ack,
    same_json,
    system_in,
)

DATA = Path(__file__).parents[2] / "data" / "dingtalk"
FRAMES = {line["name"]: line for line in map(json.loads, (DATA / "server_frames.jsonl").read_text().splitlines())}
SDK_ACKS = [json.loads(line) for line in (DATA / "sdk_acks.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "line", SDK_ACKS, ids=lambda line: f"{line['sdk']}-{line['version']}-{line['handlers']}-{line['frame']}"
)
def test_every_acknowledgement_of_the_official_sdks_is_understood(line):
    for text in line["acks"]:
        ack = read_ack(text)
        kind = "EVENT" if line["frame_kind"] == "event" else "CALLBACK"
        found = letter_in(FRAMES[line["frame"]]["frame"])
        if found is not None and line["frame"] != "event_header_typo_key":  # the SDKs don't find its id
            assert ack.message_id == found[0]
        assert ack.verdict(kind) == expected_verdict(line, json.loads(text)["code"])


def expected_verdict(line, code):
    """What the SDK was told to say, from the way its handlers were set up."""
    if code != 200:
        assert line["handlers"] in ("code500", "base_handlers", "none", "robot_only")
        return "refused"
    return "later" if line["handlers"] == "later" and line["frame_kind"] == "event" else "accepted"


def test_the_recorded_acknowledgements_hold_all_three_verdicts():
    verdicts = {
        read_ack(text).verdict("EVENT") for line in SDK_ACKS if line["frame_kind"] == "event" for text in line["acks"]
    }
    assert verdicts == {"accepted", "later", "refused"}


@pytest.mark.parametrize(
    "frame",
    [
        b'{"code":200,"headers":{"messageId":"m"},"message":"OK","data":"{}"}',
        "",
        "not json",
        "[" * 100_000,
        "[]",
        '{"code":"200","headers":{"messageId":"m"},"message":"OK","data":"{}"}',
        '{"code":200,"headers":null,"message":"OK","data":"{}"}',
        '{"code":200,"headers":{"messageId":7},"message":"OK","data":"{}"}',
        '{"code":200,"headers":{"messageId":"m"},"data":"{}"}',
        '{"code":200,"headers":{"messageId":"m"},"message":"OK","data":{}}',
    ],
)
def test_what_is_no_acknowledgement_is_refused_with_a_reason(frame):
    with pytest.raises(BadAck, match=r"\w"):
        read_ack(frame)


@given(st.text() | st.binary())
def test_no_frame_raises_anything_else(frame):
    with pytest.raises(BadAck):
        read_ack(frame)


def test_only_an_event_can_be_asked_for_later():
    ack = read_ack('{"code":200,"headers":{"messageId":"m"},"message":"OK","data":"{\\"status\\":\\"LATER\\"}"}')
    assert ack.verdict("EVENT") == "later"
    assert ack.verdict("CALLBACK") == "accepted"


def test_a_letter_knows_what_identifies_it():
    message_id, letter = letter_in(FRAMES["text_dm"]["frame"])
    assert message_id == "0a1b2c3d_3_19e00011007_1011"
    assert (letter.kind, letter.topic, letter.key) == ("CALLBACK", ROBOT, "msgZXgtbXNnLTAwMDAwMDAx")
    assert letter.place == ("user", "staff0001")
    assert letter.conversation == "cidRG0vRXhhbXBsZSswMDAx"
    assert letter.session == "00000000000000000000000000000001"
    assert letter.wants_answer

    _, letter = letter_in(FRAMES["text_group_at"]["frame"])
    assert letter.place == ("group", "cidR3JvdXArRXhhbXBsZS8wMDE=")

    _, letter = letter_in(FRAMES["event_user_add_org"]["frame"])
    assert (letter.kind, letter.key, letter.place) == ("EVENT", "evt000000000000000000000013", None)
    assert letter.headers["eventType"] == "user_add_org"
    assert not letter.wants_answer

    _, letter = letter_in(FRAMES["card_action"]["frame"])
    assert (letter.topic, letter.key) == (CARD, json.loads(letter.data)["outTrackId"])

    _, letter = letter_in(FRAMES["graph_invoke"]["frame"])
    assert (letter.topic, letter.key) == (GRAPH, "")


def test_a_letter_of_data_is_the_letter_in_its_frame():
    _, letter = letter_in(FRAMES["text_group_at"]["frame"])
    assert letter_of(json.loads(letter.data)) == letter_of(letter.data)
    assert letter_of(json.loads(letter.data)).data == letter.data


def test_an_outsider_is_answered_at_the_sender_id_and_a_group_without_id_nowhere():
    _, letter = letter_in(FRAMES["text_dm_outsider_no_staff_id"]["frame"])
    assert letter.place == ("user", "$:LWCP_v1:$dXNlci1leGFtcGxlLTAwMDE=")
    assert letter_in(FRAMES["text_group_no_conversation_id"]["frame"])[1].place is None


@pytest.mark.parametrize("name", FRAMES)
def test_every_recorded_frame_is_a_letter_or_a_notice_or_can_not_be_acknowledged(name):
    frame, expect = FRAMES[name]["frame"], FRAMES[name]["expect"]
    found = letter_in(frame)
    if expect.get("kind") in ("message", "card", "graph", "event", "unknown_topic") and expect.get("message_id"):
        assert found is not None
        assert found[0] == expect["message_id"]
    if found is not None:
        assert expect.get("message_id", found[0]) == found[0]
    assert (system_in(frame) is not None) == (expect.get("kind") in ("ping", "notice", "disconnect"))


def test_whole_numbers_of_any_length_are_read():
    assert as_object('{"n":' + "9" * 5000 + "}")["n"] == "9" * 5000
    assert as_object("[" * 100_000) == {}
    assert as_object("[1]") == {}


def test_texts_are_compared_as_json_where_they_are_json():
    assert same_json('{"a": 1, "b": "\\u00e4"}', '{"b":"ä","a":1}')
    assert same_json("not-json", "not-json")
    assert not same_json("not-json", '"not-json"')
    assert not same_json('{"a":1}', '{"a":2}')

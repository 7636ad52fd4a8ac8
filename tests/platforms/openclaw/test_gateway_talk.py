"""How our gateway carries out what was once sent to two real ones: the same courses of runs, the same answers."""

import pytest

from tests.platforms.openclaw.talking import CASES, answers, courses, outcome, replayed

# The words are our own where those of the real gateway are about their provider, or long.
OWN_WORDS = {
    "This message ID was already used": "chat-request-conflict",
    "fetch failed": "offline",
    "⚠️ Agent failed before reply": "failed",
}


def wording(message):
    return next((kind for start, kind in OWN_WORDS.items() if message.startswith(start)), message)


@pytest.mark.parametrize(("release", "case"), CASES)
def test_a_run_takes_the_course_that_was_recorded(release, case):
    replay = replayed(release)[case]
    assert courses(replay.said) == courses(replay.recording.received)


@pytest.mark.parametrize(("release", "case"), CASES)
def test_a_request_is_answered_as_it_was(release, case):
    replay = replayed(release)[case]
    theirs, ours = answers(replay.recording.received), answers(replay.said)
    assert {own_id: outcome(frame) for own_id, frame in ours.items()} == {
        own_id: outcome(frame) for own_id, frame in theirs.items()
    }
    for own_id, frame in theirs.items():
        if "error" in frame:
            assert wording(ours[own_id]["error"]["message"]) == wording(frame["error"]["message"])


@pytest.mark.parametrize(("release", "case"), CASES)
def test_an_answer_has_no_members_that_a_real_one_lacks(release, case):
    replay = replayed(release)[case]
    theirs, ours = answers(replay.recording.received), answers(replay.said)
    for own_id, frame in theirs.items():
        payload, recorded = ours[own_id].get("payload"), frame.get("payload")
        assert type(payload) is type(recorded)
        if isinstance(recorded, dict) and recorded.get("type") != "hello-ok":
            assert payload.keys() <= recorded.keys(), own_id


def shape(message):
    inner = message["__openclaw"]
    members = {name for name in ("id", "seq", "runId", "idempotencyKey") if name in inner}
    return message["role"], type(message["content"]), "idempotencyKey" in message, members, len(inner["id"])


@pytest.mark.parametrize("release", ["2026.5.3-1", "2026.9.6"])
def test_a_history_has_the_shape_of_its_release(release):
    replay = replayed(release)["chat/run"]
    theirs, ours = (answers(frames)["r6"]["payload"]["messages"] for frames in (replay.recording.received, replay.said))
    assert [shape(each) for each in ours] == [shape(each) for each in theirs]
    # What streams leave out at the end of an answer stands in the history.
    assert [each["content"] for each in ours] == [each["content"] for each in theirs]


@pytest.mark.parametrize("release", ["2026.5.3-1", "2026.9.6"])
def test_a_history_says_what_runs_on_protocol_4_only(release):
    replay = replayed(release)["chat/inflight-retry"]
    theirs, ours = (answers(frames)["r13"]["payload"] for frames in (replay.recording.received, replay.said))
    assert [shape(each) for each in ours["messages"]] == [shape(each) for each in theirs["messages"]]
    assert ("inFlightRun" in ours) == ("inFlightRun" in theirs) == (release == "2026.9.6")
    if "inFlightRun" in theirs:
        assert ours["inFlightRun"]["runId"] == theirs["inFlightRun"]["runId"]
        assert ours["inFlightRun"]["text"] == theirs["inFlightRun"]["text"] == "word0"


@pytest.mark.parametrize("release", ["2026.5.3-1", "2026.9.6"])
def test_subscribers_hear_of_sessions(release):
    replay = replayed(release)["chat/sessions"]
    theirs, ours = (
        [each for each in frames if each.get("event") == "sessions.changed"]
        for frames in (replay.recording.received, replay.said)
    )
    reasons = {each["payload"].get("reason") for each in theirs}
    assert {each["payload"]["reason"] for each in ours} - {"patch"} <= reasons
    assert {"create", "reset", "delete"} <= {each["payload"]["reason"] for each in ours}
    assert {"seq" in each for each in ours} == {"seq" in each for each in theirs} == {release == "2026.9.6"}


@pytest.mark.parametrize("release", ["2026.5.3-1", "2026.9.6"])
def test_subscribers_hear_of_the_messages_of_a_session(release):
    replay = replayed(release)["chat/sessions"]
    theirs, ours = (
        [each for each in frames if each.get("event") == "session.message"]
        for frames in (replay.recording.received, replay.said)
    )
    keys = {each["payload"]["sessionKey"] for each in theirs}
    assert {each["payload"]["sessionKey"] for each in ours} == keys
    assert all(each["payload"]["messageId"] for each in ours)
    assert {"seq" in each for each in ours} == {release == "2026.9.6"}

"""Messages to the agents of our gateway: started once, told as they grow, steered, aborted, waited for."""

import base64

import pytest

from tests.platforms.openclaw.caller import World
from trio_bridge.platforms.openclaw.gateway.script import Fail, Hold, Pause, Retake, Say

BOTH = pytest.mark.parametrize("protocol", [3, 4])


def world_and_client(protocol):
    world = World(protocol)
    return world, world.client()


# What a test says is what happens, at that time.


@BOTH
def test_deltas_come_when_the_script_says(protocol):
    world, client = world_and_client(protocol)
    world.answering([Pause(1), Say("one "), Pause(2), Say("two "), Pause(3)])
    client.say("count", "k1")
    client.wait(10)
    told = [(at, each["state"], each.get("message")) for at, each in client.heard("chat") if each["state"] != "status"]
    assert [(at, state, message["content"][0]["text"]) for at, state, message in told] == [
        (1.0, "delta", "one"),
        (3.0, "delta", "one two"),
        (6.0, "final", "one two"),
    ]


def progress(client):
    """What was told of a run, and under which number."""
    for _, event, payload in client.events:
        if event == "chat":
            yield payload["seq"], "chat", payload.get("phase", payload["state"])
        elif event == "agent":
            data = payload["data"]
            yield payload["seq"], payload["stream"], data.get("phase", data.get("text", data.get("outputTokens")))


def test_a_run_is_told_from_beginning_to_end_on_4():
    world, client = world_and_client(4)
    world.answering([Say("a"), Pause(0.01), Say(" b")])
    client.say("letters", "k1")
    client.wait(1)
    assert list(progress(client)) == [
        (1, "chat", "preparing_workspace"),
        (1, "run_status", "preparing_workspace"),
        (2, "chat", "preparing_context"),
        (2, "run_status", "preparing_context"),
        (3, "lifecycle", "start"),
        (4, "chat", "starting_model"),
        (4, "run_status", "starting_model"),
        (5, "lifecycle", "model"),
        (6, "assistant", "a"),
        (6, "chat", "delta"),
        (7, "assistant", "a b"),
        (8, "usage", 2),
        (9, "lifecycle", "finishing"),
        (10, "lifecycle", "end"),
        (10, "chat", "delta"),
        (10, "chat", "final"),
    ]


def test_a_run_is_told_from_beginning_to_end_on_3():
    world, client = world_and_client(3)
    world.answering([Say("a"), Pause(0.01), Say(" b")])
    client.say("letters", "k1")
    client.wait(1)
    assert list(progress(client)) == [
        (1, "lifecycle", "start"),
        (2, "assistant", "a"),
        (2, "chat", "delta"),
        (3, "assistant", "a b"),
        (4, "lifecycle", "end"),
        (4, "chat", "delta"),
        (4, "chat", "final"),
    ]


@BOTH
def test_deltas_are_held_back_and_the_last_one_is_not_lost(protocol):
    world, client = world_and_client(protocol)
    apart = {3: 0.15, 4: 0.075}[protocol]
    world.answering([step for word in ["a", "b", "c", "d", "e", "f"] for step in (Say(f"{word} "), Pause(0.01))])
    client.say("quickly", "k1")
    client.wait(1)
    assert [text for _, state, text in client.chats() if state == "delta"] == ["a", "a b c d e f"]
    world.answering([step for word in ["a", "b", "c"] for step in (Say(f"{word} "), Pause(apart))])
    client.say("slowly", "k2")
    client.wait(1)
    assert [text for _, state, text in client.chats() if state == "delta"] == ["a", "a b", "a b c"]


def test_a_text_that_is_taken_back_is_replaced():
    world, client = world_and_client(4)
    world.answering([Say("wrong"), Pause(1), Retake("right"), Pause(1), Say(" so")])
    client.say("think", "k1")
    client.wait(5)
    deltas = [each for _, each in client.heard("chat") if each["state"] == "delta"]
    assert [(each["deltaText"], each.get("replace")) for each in deltas] == [
        ("wrong", None),
        ("right", True),
        (" so", None),
    ]


@BOTH
def test_a_run_that_is_held_goes_on_when_it_is_released(protocol):
    world, client = world_and_client(protocol)
    world.answering([Say("so far"), Hold(), Say(" and on")])
    client.say("wait", "k1")
    client.wait(1000)
    assert client.chats() == [("k1", "delta", "so far")]
    assert client.say("wait", "k1") == {"runId": "k1", "status": "in_flight"}
    world.release()
    client.wait(0)
    assert client.ends() == [("k1", "final", "so far and on")]


@BOTH
def test_a_failure_takes_as_long_as_it_is_said_to(protocol):
    world, client = world_and_client(protocol)
    world.answering([Fail("no such luck", after=70)])
    client.say("try", "k1")
    client.wait(69.9)
    assert client.chats() == []
    lifecycle = [each["data"] for _, each in client.heard("agent") if each["stream"] == "lifecycle"]
    counts = [sum(each["phase"] == phase for each in lifecycle) for phase in ("start", "error")]
    assert counts == {3: [7, 7], 4: [1, 0]}[protocol]
    client.wait(0.2)
    errors = client.heard("chat")
    assert [(round(at, 1), each["state"]) for at, each in errors] == [(70.0, "error")] * {3: 1, 4: 2}[protocol]
    assert "no such luck" in errors[0][1]["errorMessage"]
    if protocol == 4:
        assert "agentId" not in errors[1][1]
        assert errors[1][1]["seq"] == 1


def test_silence_is_a_final_without_a_message_on_3():
    world, client = world_and_client(3)
    world.answering("NO_REPLY")
    client.say("hush", "k1")
    client.wait(5)
    assert client.chats() == [("k1", "final", None)]
    assert len(world.turns.asked) == 1


def test_silence_is_asked_again_on_4_and_ends_as_an_abort_and_an_error():
    world, client = world_and_client(4)
    world.answering("NO_REPLY", "NO_REPLY")
    client.say("hush", "k1")
    client.wait(0.05)
    assert client.chats() == [("k1", "aborted", None)]
    client.wait(1)
    assert client.chats() == [("k1", "error", None)]
    assert [each.again for each in world.turns.asked] == [False, True]
    assert client.rows() == [("user", "hush")]


# The same idempotency key again.


@BOTH
def test_the_same_key_runs_once(protocol):
    world, client = world_and_client(protocol)
    other = world.client()
    assert client.say("hello", "k1") == {"runId": "k1", "status": "started"}
    assert other.say("hello", "k1") == {"runId": "k1", "status": "in_flight"}
    client.wait(5)
    assert other.say("hello", "k1") == {"runId": "k1", "status": "ok"}
    client.wait(5)
    assert [each.key for each in world.turns.asked] == ["k1"]
    assert [each.status for each in world.rooms.chat.sent] == ["started", "in_flight", "ok"]


def test_the_same_key_for_another_text():
    for protocol, refused in ((3, None), (4, "chat-request-conflict")):
        world, client = world_and_client(protocol)
        client.say("hello", "k1")
        client.wait(5)
        if refused is None:
            assert client.say("other", "k1") == {"runId": "k1", "status": "ok"}
        else:
            error = client.refused("chat.send", sessionKey="main", message="other", idempotencyKey="k1")
            assert error["details"] == {"reason": refused}
        assert len(world.turns.asked) == 1


def test_the_same_key_after_an_abort():
    for protocol in (3, 4):
        world, client = world_and_client(protocol)
        world.answering([Say("half"), Hold()])
        client.say("hello", "k1")
        client.wait(1)
        client.call("chat.abort", sessionKey="main", runId="k1")
        client.wait(1)
        again = client.say("hello", "k1")
        client.wait(5)
        if protocol == 3:
            assert again["status"] == "started"
            assert [each.key for each in world.turns.asked] == ["k1", "k1"]
        else:
            assert (again["status"], again["summary"], again["stopReason"]) == ("timeout", "aborted", "rpc")
            assert [each.key for each in world.turns.asked] == ["k1"]


def test_the_same_key_right_after_an_abort_is_swallowed_on_3():
    world, client = world_and_client(3)
    world.answering([Say("half"), Hold()])
    client.say("hello", "k1")
    client.wait(1)
    client.call("chat.abort", sessionKey="main")
    client.chats()
    client.wait(0.07)
    assert client.say("hello", "k1")["status"] == "started"
    client.wait(100)
    assert client.chats() == [("k1", "final", None)]
    assert len(world.turns.asked) == 1


def test_the_same_key_after_a_failure():
    for protocol in (3, 4):
        world, client = world_and_client(protocol)
        world.answering([Fail()])
        client.say("hello", "k1")
        client.wait(5)
        if protocol == 3:
            assert client.say("hello", "k1") == {"runId": "k1", "status": "ok"}
        else:
            answer = client.answers[client.send("chat.send", sessionKey="main", message="hello", idempotencyKey="k1")]
            assert (answer["ok"], answer["error"]["code"]) == (False, "UNAVAILABLE")
            assert answer["payload"]["status"] == "error"
        assert len(world.turns.asked) == 1


# What is refused.


@BOTH
def test_what_is_refused_is_not_run(protocol):
    world, client = world_and_client(protocol)
    refused = [
        {"sessionKey": "main", "message": " ", "idempotencyKey": "k1"},
        {"sessionKey": "main", "message": "x"},
        {"sessionKey": "main", "message": "x", "idempotencyKey": "k1", "bogus": 1},
        {"sessionKey": "main", "message": "x", "idempotencyKey": "k1", "deliver": "no"},
        {"sessionKey": "agent:nobody:main", "message": "x", "idempotencyKey": "k1"},
        {"sessionKey": "m" * 513, "message": "x", "idempotencyKey": "k1"},
    ]
    assert {client.refused("chat.send", **params)["code"] for params in refused} == {"INVALID_REQUEST"}
    client.wait(5)
    assert world.turns.asked == []
    assert client.say("x", "k1", "m" * 512)["status"] == "started"


def test_an_empty_part_of_a_key_is_refused_on_4_only():
    assert World(3).client().say("x", "k1", "agent:main::x")["status"] == "started"
    error = World(4).client().refused("chat.send", sessionKey="agent:main::x", message="x", idempotencyKey="k1")
    assert "malformed session key" in error["message"]


@BOTH
def test_attachments_are_read_and_handed_on(protocol):
    world, client = world_and_client(protocol)
    content = base64.b64encode(b"picture").decode()
    picture = {"type": "image", "mimeType": "image/png", "fileName": "a.png"}
    given = [{**picture, "content": content}, {**picture, "content": f"data:image/png;base64,{content}"}]
    client.say("", "k1", attachments=given)
    client.wait(1)
    assert [each.content for each in world.turns.asked[0].attachments] == [b"picture", b"picture"]
    for bad in ("%%%", 7, None):
        params = {"message": "look", "idempotencyKey": "k2", "attachments": [{**picture, "content": bad}]}
        assert "a.png" in client.refused("chat.send", sessionKey="main", **params)["message"]


def test_attachments_that_are_too_large_are_refused_on_4():
    content = base64.b64encode(bytes(6_291_457)).decode()
    picture = {"type": "image", "fileName": "big.png", "content": content}
    params = {"sessionKey": "main", "message": "look", "idempotencyKey": "k1", "attachments": [picture]}
    assert "exceeds size limit" in World(4).client().refused("chat.send", **params)["message"]
    assert World(3).client().call("chat.send", **params)["status"] == "started"


# Session keys.


@BOTH
def test_keys_that_differ_in_case_are_one_session(protocol):
    _world, client = world_and_client(protocol)
    client.say("hello", "k1", " Agent:MAIN:Room ")
    client.wait(1)
    assert {each["sessionKey"] for _, each in client.heard("chat")} == {"agent:main:room"}
    assert client.history("ROOM")["sessionKey"] == "ROOM"
    assert client.rows("rOOm") == [("user", "hello"), ("assistant", "you said hello")]


# Several at once.


@BOTH
def test_sessions_run_side_by_side(protocol):
    world, client = world_and_client(protocol)
    world.answering([Say("a"), Hold()], [Say("b"), Pause(1)])
    client.say("first", "k1", "one")
    client.say("second", "k2", "two")
    client.wait(5)
    assert client.ends() == [("k2", "final", "b")]


@BOTH
def test_a_second_message_is_steered_into_the_run_at_work(protocol):
    world, client = world_and_client(protocol)
    world.answering([Say("first"), Hold()], [Say("second")])
    client.say("one", "k1")
    client.wait(1)
    client.say("two", "k2")
    client.wait(1)
    at_once = [("k2", "final", None)] if protocol == 3 else []
    assert client.ends() == at_once
    world.release()
    client.wait(1)
    assert sorted([*at_once, *client.ends()]) == [("k1", "final", "first\n\nsecond"), ("k2", "final", None)]
    assert [each.key for each in world.turns.asked] == ["k1", "k2"]
    assert [text for role, text in client.rows() if role == "user"] == ["one", "two"]


@BOTH
def test_a_message_before_the_first_word_is_answered_afterwards_under_another_id(protocol):
    world, client = world_and_client(protocol)
    world.answering([Hold(), Say("first")], [Say("second")])
    client.say("one", "k1")
    client.wait(1)
    client.say("two", "k2")
    client.wait(1)
    assert client.ends() == [("k2", "final", None)]
    world.release()
    client.wait(1)
    first, second = client.ends()
    assert first == ("k1", "final", "first")
    assert second[1:] == ("final", "second")
    assert second[0] not in ("k1", "k2")
    assert [each.key for each in world.turns.asked] == ["k1", "k2"]


def test_a_message_right_after_an_answer_comes_under_another_id_on_3():
    for protocol, strange in ((3, True), (4, False)):
        world, client = world_and_client(protocol)
        world.answering([Say("first")], [Say("second")])
        client.say("one", "k1")
        client.wait(0)
        client.say("two", "k2")
        client.wait(5)
        answered = {text: run for run, _, text in client.ends() if text}
        assert (answered["second"] != "k2") == strange


@pytest.mark.parametrize("failing", [False, True])
def test_what_was_steered_and_not_taken_in_is_answered_afterwards_on_4(failing):
    for protocol in (3, 4):
        world, client = world_and_client(protocol)
        world.answering([Say("first"), Hold(), Fail()], [Say("second")])
        client.say("one", "k1")
        client.wait(1)
        client.say("two", "k2")
        client.wait(1)
        if failing:
            world.release()
        else:
            client.call("chat.abort", sessionKey="main")
        client.wait(5)
        ends = client.ends()
        assert ("k2", "final", None) in ends
        assert [text for _, state, text in ends if state == "final" and text] == ([] if protocol == 3 else ["second"])


def test_queue_modes_of_4():
    world, client = world_and_client(4)
    world.answering([Say("first"), Hold()], [Say("now")], [Say("later")])
    client.say("one", "k1")
    client.wait(1)
    client.say("three", "k3", queueMode="followup")
    client.say("two", "k2", queueMode="interrupt")
    client.wait(1)
    assert client.ends()[:3] == [("k3", "final", None), ("k1", "aborted", "first"), ("k2", "final", "now")]
    assert [each.key for each in world.turns.asked] == ["k1", "k2", "k3"]


# Aborting and waiting.


@BOTH
def test_an_abort_ends_a_run_before_it_is_answered(protocol):
    world, client = world_and_client(protocol)
    world.answering([Say("half "), Hold()])
    client.say("hello", "k1")
    client.wait(1)
    client.chats()
    assert client.call("chat.abort", sessionKey="main") == {"ok": True, "aborted": True, "runIds": ["k1"]}
    assert client.chats() == [("k1", "aborted", "half")]
    assert client.call("chat.abort", sessionKey="main") == {"ok": True, "aborted": False, "runIds": []}
    client.wait(1)
    assert client.rows() == [("user", "hello"), ("assistant", "half ")]
    assert client.history()["messages"][1]["stopReason"] == {3: "aborted", 4: "stop"}[protocol]


@BOTH
def test_a_session_is_aborted(protocol):
    world, client = world_and_client(protocol)
    world.answering([Say("half"), Hold()])
    client.say("hello", "k1")
    client.wait(1)
    assert client.call("sessions.abort", key="main") == {"ok": True, "abortedRunId": "k1", "status": "aborted"}


def test_an_abort_with_the_key_of_another_session():
    for protocol in (3, 4):
        world, client = world_and_client(protocol)
        world.answering([Say("half"), Hold()])
        client.say("hello", "k1")
        client.wait(1)
        params = {"sessionKey": "other", "runId": "k1"}
        if protocol == 3:
            assert client.refused("chat.abort", **params)["message"] == "runId does not match sessionKey"
        else:
            assert client.call("chat.abort", **params)["aborted"] is True


@BOTH
def test_a_run_is_waited_for(protocol):
    world, client = world_and_client(protocol)
    world.answering([Pause(5), Say("done")], [Fail()])
    client.say("hello", "k1")
    waiting = client.send("agent.wait", runId="k1", timeoutMs=60_000)
    late = client.send("agent.wait", runId="k1", timeoutMs=1000)
    unknown = client.send("agent.wait", runId="nobody", timeoutMs=2000)
    client.wait(4.9)
    assert client.answers[late]["payload"] == {"runId": "k1", "status": "timeout"}
    assert client.answers[unknown]["payload"] == {"runId": "nobody", "status": "timeout"}
    assert waiting not in client.answers
    client.wait(1)
    assert client.answers[waiting]["payload"]["status"] == "ok"
    client.say("again", "k2")
    client.wait(1)
    assert client.call("agent.wait", runId="k2")["status"] == "error"


# Commands.


@BOTH
def test_a_command_begins_the_session_anew(protocol):
    world, client = world_and_client(protocol)
    client.say("hello", "k1")
    client.wait(1)
    client.chats()
    assert client.say("/new", "k2") == {"runId": "k2", "status": "started"}
    client.wait(1)
    ((_, told),) = client.heard("chat")
    assert (told["runId"], told["state"]) == ("k2", "final")
    marked = {} if protocol == 3 else {"openclawStatusNotice": True}
    assert told["message"]["content"] == [{"type": "text", "text": "✅ New session started.", **marked}]
    assert [each for each in client.rows() if each[0] != "system"] == []
    client.say("/reset tell me", "k3")
    client.say("/new and me", "k4")
    client.wait(2)
    texts = [text for _, _, text in client.ends() if text]
    assert texts == ["you said tell me", "you said and me"]
    assert [each.text for each in world.turns.asked] == ["hello", "tell me", "and me"]


@BOTH
def test_stop_is_no_run(protocol):
    world, client = world_and_client(protocol)
    world.answering([Say("half"), Hold()])
    client.say("hello", "k1")
    client.wait(1)
    client.chats()
    assert client.say("/stop", "k2") == {"ok": True, "aborted": True, "runIds": ["k1"]}
    assert client.say("/stop", "k3") == {"ok": True, "aborted": False, "runIds": []}
    client.wait(100)
    assert client.chats() == [("k1", "aborted", "half")]


@pytest.mark.parametrize(("text", "stops"), [("Stop!", True), (" 停止 ", True), ("stop it", False)])
def test_a_word_for_stopping_is_no_run_either(text, stops):
    _, client = world_and_client(4)
    client.say("hello", "k1")
    assert client.say(text, "k2").get("ok", False) is stops


@BOTH
def test_a_command_that_is_unknown_goes_to_the_agent(protocol):
    world, client = world_and_client(protocol)
    client.say("/dance now", "k1")
    client.say("/help", "k2", "other")
    client.wait(1)
    assert [each.text for each in world.turns.asked] == ["/dance now"]
    assert {run for run, _, _ in client.ends()} == {"k1", "k2"}


# Histories.


@BOTH
def test_a_history_is_read_in_parts(protocol):
    _world, client = world_and_client(protocol)
    for number in range(3):
        client.say(f"m{number}", f"k{number}")
        client.wait(1)
    last = client.history(limit=2)
    assert [row["__openclaw"]["seq"] for row in last["messages"]] == [5, 6]
    if protocol == 4:
        assert (last["hasMore"], last["totalMessages"], last["nextOffset"]) == (True, 6, 2)
        before = client.history(limit=4, offset=last["nextOffset"])
        assert [row["__openclaw"]["seq"] for row in before["messages"]] == [1, 2, 3, 4]
        assert (before["hasMore"], "nextOffset" in before) == (False, False)
    for limit, bound in ((0, "must be >= 1"), (1001, "must be <= 1000")):
        error = client.refused("chat.history", sessionKey="main", limit=limit)
        assert error["message"] == f"invalid chat.history params: at /limit: {bound}"


def test_protocol_3_is_late_with_its_history():
    world, client = world_and_client(3)
    world.answering([Say("first")], [Say("second"), Hold()])
    client.say("one", "k1")
    client.wait(0.1)
    assert client.ends() == [("k1", "final", "first")]
    assert client.rows() == []
    client.wait(1)
    assert client.rows() == [("user", "one"), ("assistant", "first")]
    client.say("two", "k2")
    client.wait(1)
    assert client.rows()[2:] == [("user", "two")]


@BOTH
def test_a_note_is_injected(protocol):
    _world, client = world_and_client(protocol)
    client.say("hello", "k1")
    client.wait(1)
    client.chats()
    own_id = client.call("chat.inject", sessionKey="main", message="by the way", label="note")["messageId"]
    assert client.chats() == [("inject", "final", "[note]\n\nby the way")]
    assert client.history()["messages"][-1]["__openclaw"]["id"] == own_id
    assert client.refused("chat.inject", sessionKey="nowhere", message="x")["code"] == "INVALID_REQUEST"


def test_one_message_is_looked_up_on_4():
    _world, client = world_and_client(4)
    client.say("hello", "k1")
    client.wait(1)
    own_id = client.history()["messages"][0]["__openclaw"]["id"]
    found = client.call("chat.message.get", sessionKey="main", messageId=own_id)
    assert (found["ok"], found["message"]["content"]) == (True, "hello")
    assert client.call("chat.message.get", sessionKey="main", messageId="no")["unavailableReason"] == "not_found"


@BOTH
def test_the_state_of_a_session_is_that_of_its_run(protocol):
    world, client = world_and_client(protocol)
    world.answering([Hold(), Say("done")], [Fail()])

    def status():
        row = client.call("sessions.describe", key="main")["session"]
        return row["status"], row["hasActiveRun"]

    client.say("one", "k1")
    client.wait(1)
    assert status() == ("running", True)
    world.release()
    client.wait(1)
    assert status() == ("done", False)
    client.say("two", "k2")
    client.wait(1)
    assert status() == ("failed", False)


# Who hears of it.


@BOTH
def test_everybody_who_may_read_hears_of_all_runs(protocol):
    world, client = world_and_client(protocol)
    reader, stranger = world.client(("operator.read",)), world.client(("operator.approvals",))
    client.say("hello", "k1")
    for each in (client, reader, stranger):
        each.wait(1)
    assert reader.ends() == [("k1", "final", "you said hello")]
    assert stranger.events == []
    assert reader.refused("chat.send", sessionKey="main", message="x", idempotencyKey="k2")["message"] == (
        "missing scope: operator.write"
    )

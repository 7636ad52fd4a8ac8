"""What becomes of runs when our gateway stops in the middle of them."""

import pytest

from tests.platforms.openclaw.caller import World, text_of
from trio_bridge.platforms.openclaw.gateway.script import Hold, Pause, Say

BOTH = pytest.mark.parametrize("protocol", [3, 4])
HALF = [Say("half"), Hold()]


def cut_in_the_middle(protocol, *answers, before=()):
    """A world whose gateway was killed while it answered ``k1``, and a new client."""
    world = World(protocol)
    client = world.client()
    for number, text in enumerate(before):
        client.say(text, f"before{number}")
        client.wait(1)
    world.answering(HALF, *answers)
    client.say("question", "k1")
    client.wait(1)
    world.restart()
    return world, world.client()


def test_protocol_4_takes_up_a_run_by_itself_under_another_id():
    world, client = cut_in_the_middle(4, "whole")
    history = client.history()
    assert [(row["role"], row["content"], row["idempotencyKey"]) for row in history["messages"]] == [
        ("user", "question", "k1:user")
    ]
    (resumed,) = history["sessionInfo"]["activeRunIds"]
    assert resumed != "k1"
    assert (history["sessionInfo"]["hasActiveRun"], "inFlightRun" in history) == (True, False)
    assert [each["runId"] for each in history["pendingInputs"]["items"]] == [resumed]
    client.wait(2.9)
    assert client.chats() == []
    client.wait(1)
    assert client.ends() == [(resumed, "final", "whole")]
    rows = client.history()["messages"]
    assert [row.get("idempotencyKey") for row in rows] == ["k1:user", f"{resumed}:user", None]
    assert rows[1]["content"].startswith("[System] Your previous turn was interrupted")
    assert rows[2]["__openclaw"]["runId"] == resumed
    assert [(each.key, each.text) for each in world.turns.asked] == [("k1", "question")] * 2
    assert client.history()["sessionInfo"]["activeRunIds"] == []


def test_the_same_key_before_protocol_4_takes_it_up_does_harm():
    world, client = cut_in_the_middle(4, "whole")
    (resumed,) = client.history()["sessionInfo"]["activeRunIds"]
    assert client.say("question", "k1")["status"] == "started"
    client.wait(5)
    (merged, answered, failed, failed_again) = client.ends()
    assert (merged, answered) == (("k1", "final", None), (resumed, "final", "whole"))
    assert failed[0] not in ("k1", resumed)
    assert (failed[1], failed_again[1]) == ("error", "error")
    assert client.history()["messages"][-1]["stopReason"] == "error"
    assert len(world.turns.asked) == 2


def test_the_same_key_while_protocol_4_answers_it_again():
    _world, client = cut_in_the_middle(4, [Say("who"), Pause(5), Say("le")])
    client.wait(4)
    client.chats()
    assert client.say("question", "k1")["status"] == "started"
    client.wait(1)
    assert client.ends() == [("k1", "final", None)]
    client.wait(5)
    first, *_ = client.ends()
    assert first[1:] == ("final", "whole")


def test_the_same_key_after_protocol_4_has_answered_it_again_fails():
    world, client = cut_in_the_middle(4, "whole")
    client.wait(30)
    client.chats()
    assert client.say("question", "k1")["status"] == "started"
    client.wait(5)
    assert [(run, state) for run, state, _ in client.ends()] == [("k1", "error")] * 2
    assert len(world.turns.asked) == 2


def two_cut_in_the_middle():
    world = World(4)
    client = world.client()
    world.answering(HALF, HALF, "whole", "whole")
    client.say("question", "k1")
    client.say("question", "k2", "other")
    client.wait(1)
    world.restart()
    return world, world.client()


def state_of(client, session):
    info = client.history(session)["sessionInfo"]
    return info["status"], info["hasActiveRun"], info["abortedLastRun"], len(info["activeRunIds"])


def test_protocol_4_takes_up_one_session_after_another():
    world, client = two_cut_in_the_middle()
    assert (state_of(client, "main"), state_of(client, "other")) == (
        ("running", True, True, 1),
        ("running", False, True, 0),
    )
    client.wait(4)
    assert (state_of(client, "main"), state_of(client, "other")) == (
        ("done", False, False, 0),
        ("running", True, True, 1),
    )
    world.restart()
    client = world.client()
    assert state_of(client, "other") == ("running", True, True, 1)
    client.wait(4)
    assert state_of(client, "other") == ("done", False, False, 0)
    assert [each.key for each in world.turns.asked] == ["k1", "k2", "k1", "k2"]


def test_what_protocol_4_did_not_come_to_survives_its_next_stop():
    world, _client = two_cut_in_the_middle()
    world.restart()
    client = world.client()
    assert state_of(client, "other") == ("running", False, True, 0)
    client.wait(30)
    assert [each.key for each in world.turns.asked] == ["k1", "k2", "k1", "k2"]


def test_the_same_key_has_protocol_4_take_it_up_before_its_turn():
    _world, client = two_cut_in_the_middle()
    client.say("question", "k2", "other")
    client.wait(1)
    (merged, answered, *failed) = client.ends()
    assert (merged, answered[1:]) == (("k2", "final", None), ("final", "whole"))
    assert [state for _, state, _ in failed] == ["error", "error"]
    assert state_of(client, "main") == ("running", True, True, 1)


def test_protocol_3_loses_the_first_run_of_a_session():
    world, client = cut_in_the_middle(3)
    assert client.rows() == []
    client.wait(100)
    assert client.chats() == []
    assert client.say("question", "k1")["status"] == "started"
    client.wait(1)
    assert client.ends() == [("k1", "final", "you said question")]
    assert client.rows() == [("user", "question"), ("assistant", "you said question")]
    assert len(world.turns.asked) == 2


def test_protocol_3_takes_up_a_run_of_a_session_with_answers():
    _world, client = cut_in_the_middle(3, "whole", "again", before=["hello"])
    assert client.rows()[2:] == [("user", "question")]
    client.wait(6.9)
    assert client.chats() == []
    client.wait(1)
    ((resumed, state, text),) = client.ends()
    assert resumed != "k1"
    assert (state, text) == ("final", "whole")
    assert client.say("question", "k1")["status"] == "started"
    client.wait(1)
    assert client.ends() == [("k1", "final", "again")]


def test_protocol_3_takes_up_nothing_where_somebody_was_quicker():
    _world, client = cut_in_the_middle(3, "whole", before=["hello"])
    client.wait(0.3)
    assert client.say("question", "k1")["status"] == "started"
    client.wait(100)
    assert client.ends() == [("k1", "final", "whole")]
    assert [text for _, text in client.rows()][2:] == ["question", "question", "whole"]


@BOTH
def test_what_was_done_before_runs_again_after(protocol):
    world = World(protocol)
    client = world.client()
    client.say("hello", "k1")
    client.wait(1)
    world.restart()
    client = world.client()
    assert client.say("hello", "k1")["status"] == "started"
    client.wait(1)
    assert client.ends() == [("k1", "final", "you said hello")]
    questions = [text for role, text in client.rows() if role == "user"]
    assert questions == {3: ["hello", "hello"], 4: ["hello"]}[protocol]


@BOTH
def test_nobody_waits_for_a_run_that_was_cut(protocol):
    _world, client = cut_in_the_middle(protocol)
    waiting = client.send("agent.wait", runId="k1", timeoutMs=1000)
    client.wait(1)
    assert client.answers[waiting]["payload"] == {"runId": "k1", "status": "timeout"}


def test_protocol_4_waits_for_runs_before_it_stops_and_3_does_not():
    for protocol in (3, 4):
        world = World(protocol)
        client = world.client()
        world.answering([Say("half"), Pause(5), Say(" whole")])
        client.say("question", "k1")
        client.wait(1)
        world.gateway.stop(world.now)
        assert world.gateway.stopping == (protocol == 4)
        client.wait(10)
        assert client.ends() == ([("k1", "final", "half whole")] if protocol == 4 else [])
        assert len(client.heard("shutdown")) == 1


def test_what_waited_behind_a_run_that_was_cut_is_answered_behind_it():
    world = World(4)
    client = world.client()
    world.answering([Hold()], "first", "second")
    client.say("one", "k1")
    client.wait(1)
    client.say("two", "k2")
    client.wait(1)
    world.restart()
    client = world.client()
    client.wait(20)
    assert [text for _, _, text in client.ends()] == ["first", "second"]
    assert [each.text for each in world.turns.asked] == ["one", "one", "two"]


@BOTH
def test_sessions_outlive_the_gateway(protocol):
    world = World(protocol)
    client = world.client()
    client.call("sessions.create", key="room", label="Room")
    client.say("hello", "k1", "room")
    client.wait(1)
    world.restart()
    client = world.client()
    assert [text_of({"message": row}) for row in client.history("room")["messages"]] == ["hello", "you said hello"]
    assert client.call("sessions.describe", key="room")["session"]["label"] == "Room"

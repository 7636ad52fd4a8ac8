"""Sessions of our gateway: listed, made, named, emptied, shortened and removed, and told of."""

import pytest

from tests.platforms.openclaw.caller import World
from trio_bridge.platforms.openclaw.gateway.script import Hold, Say

BOTH = pytest.mark.parametrize("protocol", [3, 4])


def talked(protocol, *texts):
    """A world in which these were said in the main session, and a client."""
    world = World(protocol)
    client = world.client()
    for number, text in enumerate(texts):
        client.say(text, f"k{number}")
        client.wait(1)
    client.events.clear()
    return world, client


@BOTH
def test_sessions_are_listed_the_latest_first(protocol):
    _world, client = talked(protocol, "hello")
    for name in ("one", "two", "three"):
        client.call("sessions.create", key=name, label=f"Label {name}")
        client.wait(1)
    listed = client.call("sessions.list", limit=2)
    assert [each["key"] for each in listed["sessions"]] == ["agent:main:three", "agent:main:two"]
    if protocol == 4:
        assert (listed["totalCount"], listed["hasMore"], listed["nextOffset"]) == (4, True, 2)
        rest = client.call("sessions.list", limit=2, offset=2)
        assert [each["key"] for each in rest["sessions"]] == ["agent:main:one", "agent:main:main"]
        assert (rest["hasMore"], rest["nextOffset"]) == (False, None)
    found = client.call("sessions.list", search="LABEL ONE")["sessions"]
    assert [each["label"] for each in found] == ["Label one"]
    assert client.call("sessions.list", label="Label two")["count"] == 1
    assert client.call("sessions.list", agentId="nobody")["count"] == 0


@BOTH
def test_a_row_of_a_list_says_which_session_is_the_main_one_on_4(protocol):
    _world, client = talked(protocol, "hello")
    client.call("sessions.create", key="room:main")
    main = {each["key"]: each.get("isMain") for each in client.call("sessions.list")["sessions"]}
    known = [True, False] if protocol == 4 else [None, None]
    assert [main["agent:main:main"], main["agent:main:room:main"]] == known


@BOTH
def test_a_session_is_made_once(protocol):
    _world, client = talked(protocol)
    first = client.call("sessions.create", key="room", label="Room")
    again = client.call("sessions.create", key="room")
    assert (first["sessionId"], first["key"], first["runStarted"]) == (again["sessionId"], "agent:main:room", False)
    assert again["entry"]["label"] == "Room"
    unnamed = client.call("sessions.create")
    assert unnamed["key"].startswith("agent:main:")
    assert "in use" in client.refused("sessions.create", key="other", label="Room")["message"]


@BOTH
def test_a_session_is_found_by_key_id_and_label(protocol):
    _world, client = talked(protocol)
    made = client.call("sessions.create", key="room", label="Room")
    client.wait(1)
    client.call("sessions.create", key="newer", label="Newer")
    for how in ({"key": "ROOM"}, {"sessionId": made["sessionId"]}, {"label": "Room"}):
        assert client.call("sessions.resolve", **how)["key"] == "agent:main:room"
    assert client.refused("sessions.resolve", label="Hall")["message"] == "No session found: Hall"
    assert client.call("sessions.describe", key="hall") == {"session": None}


@BOTH
def test_a_session_is_previewed(protocol):
    _world, client = talked(protocol, "one", "two")
    main, nowhere = client.call("sessions.preview", keys=["main", "nowhere"], limit=3)["previews"]
    assert [(each["role"], each["text"]) for each in main["items"]] == [
        ("assistant", "you said one"),
        ("user", "two"),
        ("assistant", "you said two"),
    ]
    assert (main["status"], nowhere["status"], nowhere["items"]) == ("ok", "missing", [])
    client.call("sessions.create", key="empty")
    assert client.call("sessions.preview", keys=["empty"])["previews"][0]["status"] == "empty"


@BOTH
def test_a_session_is_renamed_by_those_who_may(protocol):
    world, client = talked(protocol, "hello")
    assert client.call("sessions.patch", key="main", label="Home", model="other")["entry"]["label"] == "Home"
    assert client.call("sessions.describe", key="main")["session"]["model"] == "other"
    writer = world.client(("operator.read", "operator.write"))
    if protocol == 4:
        assert writer.call("sessions.patch", key="main", label="Ours")["ok"] is True
    else:
        assert writer.refused("sessions.patch", key="main", label="Ours")["message"] == "missing scope: operator.admin"


@BOTH
def test_a_session_begins_anew(protocol):
    world, client = talked(protocol, "hello")
    before = client.call("sessions.describe", key="main")["session"]["sessionId"]
    world.answering([Say("half"), Hold()])
    client.say("go on", "k9")
    client.wait(1)
    after = client.call("sessions.reset", key="main")["entry"]["sessionId"]
    assert (after != before) == (protocol == 3)
    assert client.ends()[-1] == ("k9", "aborted", "half")
    client.wait(1)
    assert "go on" not in [text for _, text in client.rows()]


@BOTH
def test_a_session_is_removed_with_what_runs_in_it(protocol):
    world, client = talked(protocol)
    world.answering([Say("half"), Hold()])
    client.say("hello", "k1", "room")
    client.wait(1)
    gone = client.call("sessions.delete", key="ROOM")
    assert (gone["deleted"], len(gone["archived"])) == (True, 1)
    assert client.ends() == [("k1", "aborted", "half")]
    assert client.call("sessions.delete", key="room") == {
        "ok": True,
        "key": "agent:main:room",
        "deleted": False,
        "archived": [],
    }
    assert client.refused("sessions.delete", key="main")["message"].startswith("Cannot delete the main session")
    client.wait(1)
    client.say("hello again", "k2", "room")
    client.wait(1)
    assert client.rows("room") == [("user", "hello again"), ("assistant", "you said hello again")]


@BOTH
def test_a_message_is_sent_to_a_session_that_exists(protocol):
    _world, client = talked(protocol)
    assert "session not found" in client.refused("sessions.send", key="room", message="x")["message"]
    client.call("sessions.create", key="room")
    answer = client.call("sessions.send", key="room", message="hello", idempotencyKey="k1")
    assert (answer["runId"], answer["status"], "messageSeq" in answer) == ("k1", "started", protocol == 3)
    client.wait(1)
    assert client.call("sessions.send", key="room", message="hello")["status"] == "started"


# Subscriptions.


@BOTH
def test_only_subscribers_hear_of_sessions_until_they_unsubscribe(protocol):
    world, client = talked(protocol)
    other = world.client()
    assert client.call("sessions.subscribe") == {"subscribed": True}
    client.call("sessions.create", key="room")
    assert [each["reason"] for _, each in client.heard("sessions.changed")] == ["create"]
    assert other.heard("sessions.changed") == []
    if protocol == 3:
        assert client.call("sessions.unsubscribe") == {"subscribed": False}
        client.call("sessions.create", key="room")
        assert client.heard("sessions.changed") == []
    else:
        assert "unknown method" in client.refused("sessions.unsubscribe")["message"]
        assert client.call("sessions.subscribe", limit=5)["list"]["count"] == 1


@BOTH
def test_messages_of_one_session_are_heard_by_its_subscribers(protocol):
    _world, client = talked(protocol)
    client.call("sessions.messages.subscribe", key="Room")
    client.say("hello", "k1", "room")
    client.say("other", "k2", "hall")
    client.wait(1)
    heard = [each for _, each in client.heard("session.message")]
    assert [(each["sessionKey"], each["message"]["role"]) for each in heard] == [
        ("agent:main:room", "user"),
        ("agent:main:room", "assistant"),
    ]
    assert ["agentId" in each for each in heard] == [protocol == 4] * 2
    assert heard[1]["messageId"] == client.history("room")["messages"][1]["__openclaw"]["id"]
    client.call("sessions.messages.unsubscribe", key="room")
    client.say("again", "k3", "room")
    client.wait(1)
    assert client.heard("session.message") == []


# Shortened.


def test_a_session_is_compacted_and_brought_back_on_3():
    _world, client = talked(3, "one", "two")
    whole = client.rows()
    result = client.call("sessions.compact", key="main")
    assert (result["ok"], result["compacted"]) == (True, True)
    assert client.rows() == whole[-1:]
    (point,) = client.call("sessions.compaction.list", key="main")["checkpoints"]
    assert point["tokensBefore"] > point["tokensAfter"]
    where = {"key": "main", "checkpointId": point["checkpointId"]}
    assert client.call("sessions.compaction.get", **where)["checkpoint"] == point
    branch = client.call("sessions.compaction.branch", **where)
    assert client.rows(branch["key"]) == whole
    client.call("sessions.compaction.restore", **where)
    assert client.rows() == whole
    for what in ("get", "branch", "restore"):
        error = client.refused(f"sessions.compaction.{what}", key="main", checkpointId="no")
        assert error["message"] == "checkpoint not found: no"


@BOTH
def test_what_is_too_short_or_refused_is_not_compacted_though_the_answer_is_ok(protocol):
    world, client = talked(protocol)
    assert client.call("sessions.compact", key="main")["ok"] is False
    client.say("one", "k1")
    client.wait(1)
    world.rooms.checkpoints.refuses_to_compact = "no quality"
    client.call("sessions.subscribe")
    result = client.call("sessions.compact", key="main")
    assert (result["ok"], result["compacted"], result["reason"]) == (False, False, "no quality")
    phases = [each["phase"] for _, each in client.heard("session.operation")]
    assert phases == {3: [], 4: ["start", "end"]}[protocol]


def test_branches_are_listed_and_switched_on_4():
    world, client = talked(4, "one", "two")
    whole = client.rows()
    client.call("sessions.subscribe")
    world.rooms.checkpoints.go_back("main", 2)
    shorter = client.rows()
    here, there = client.call("sessions.branches.list", sessionKey="main")["branches"]
    assert [(each["active"], each["messageCount"]) for each in (here, there)] == [(True, 2), (False, 4)]
    client.call("sessions.branches.switch", sessionKey="main", leafEntryId=there["leafEntryId"])
    assert client.rows() == whole
    client.call("sessions.branches.switch", sessionKey="main", leafEntryId=here["leafEntryId"])
    assert client.rows() == shorter
    assert [each["reason"] for _, each in client.heard("sessions.changed")] == ["branch-switch"] * 2
    error = client.refused("sessions.branches.switch", sessionKey="main", leafEntryId="no")
    assert error["message"] == "branch not found: no"
    assert client.call("sessions.branches.list", sessionKey="nowhere") == {"branches": []}


@pytest.mark.parametrize(
    ("protocol", "missing"),
    [
        (3, ["sessions.branches.list", "sessions.branches.switch", "chat.message.get", "approval.get"]),
        (4, ["sessions.compaction.list", "sessions.compaction.restore", "sessions.unsubscribe"]),
    ],
)
def test_what_a_release_lacks_is_unknown(protocol, missing):
    client = World(protocol).client()
    assert [client.refused(name)["message"] for name in missing] == [f"unknown method: {name}" for name in missing]


@BOTH
def test_what_sessions_hold_is_counted(protocol):
    _world, client = talked(protocol, "one two three")
    usage = client.call("sessions.usage")
    assert (usage["sessions"][0]["key"], usage["totals"]["totalTokens"]) == ("agent:main:main", 8)
    assert len(client.call("sessions.get", key="main")["messages"]) == 2

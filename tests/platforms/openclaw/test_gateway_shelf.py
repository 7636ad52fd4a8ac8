"""What can be looked up at our gateway, and what it sends without an agent."""

import json

import pytest

from tests.platforms.openclaw.caller import ALL, World
from tests.platforms.openclaw.replaying import DATA, PERSONALITIES
from trio_bridge.platforms.openclaw.gateway.shelf import Skill

BOTH = pytest.mark.parametrize("protocol", [3, 4])
SCOPES = [json.loads(line) for line in (DATA / "scopes.jsonl").read_text(encoding="utf-8").splitlines()]

# Real gateways answer these and don't name them.
UNNAMED = {"chat.inject", "sessions.get", "sessions.resolve", "sessions.usage"}


@BOTH
def test_skills_are_out_of_reach_unless_a_test_says_otherwise(protocol):
    world = World(protocol)
    client = world.client()
    for method, params in (("skills.search", {"query": "x"}), ("skills.detail", {"slug": "x"})):
        error = client.refused(method, **params)
        assert (error["code"], error["message"]) == ("UNAVAILABLE", "fetch failed")
    world.rooms.shelf.skills = [Skill("weather", "Weather", "Says whether it rains"), Skill("post", "Post", "Writes")]
    assert [each["slug"] for each in client.call("skills.search", query="RAINS")["results"]] == ["weather"]
    assert len(client.call("skills.search", limit=1)["results"]) == 1
    assert client.call("skills.detail", slug="post")["skill"]["displayName"] == "Post"
    assert client.refused("skills.detail", slug="no")["code"] == "UNAVAILABLE"
    for limit in (0, 101):
        assert "at /limit" in client.refused("skills.search", limit=limit)["message"]


@BOTH
def test_agents_and_channels_are_those_that_a_test_names(protocol):
    world = World(protocol)
    client = world.client()
    assert [each["id"] for each in client.call("agents.list")["agents"]] == ["main"]
    world.rooms.sessions.agents.append("support")
    assert [each["id"] for each in client.call("agents.list")["agents"]] == ["main", "support"]
    assert client.say("hello", "k1", "agent:support:main")["status"] == "started"
    world.rooms.shelf.channels.append("telegram")
    assert client.call("channels.status")["channelOrder"] == ["telegram"]
    assert client.call("models.list")["models"]
    assert client.call("commands.list")["commands"]
    assert client.call("skills.status")["skills"] == []
    assert client.call("tools.catalog")["agentId"] == "main"


@BOTH
def test_a_message_is_sent_to_a_channel_once(protocol):
    world = World(protocol)
    client = world.client()
    letter = {"to": "somebody", "message": "hello", "idempotencyKey": "k1"}
    assert "unsupported channel" in client.refused("send", **letter, channel="telegram")["message"]
    world.rooms.shelf.channels.append("telegram")
    sent = client.call("send", **letter)
    assert (sent["channel"], sent["chatId"]) == ("telegram", "somebody")
    assert client.call("send", **letter) == sent
    assert [(each.to, each.text) for each in world.rooms.shelf.outgoing] == [("somebody", "hello")]
    assert "text or media" in client.refused("send", to="somebody", idempotencyKey="k2")["message"]


@pytest.mark.parametrize("release", sorted(PERSONALITIES))
def test_every_method_asks_for_the_scope_that_it_asks_for_in_that_release(release):
    world = World(PERSONALITIES[release])
    ours = {name: entry for room in world.rooms.all for name, entry in room.methods().items()}
    theirs = {each["method"]: each[release] for each in SCOPES if each[release] is not None}
    assert {name: entry.scope for name, entry in ours.items() if entry.listed} == {
        name: scope for name, scope in theirs.items() if name in ours
    }
    assert {name for name, entry in ours.items() if not entry.listed} == UNNAMED


@BOTH
def test_no_method_takes_what_it_does_not_know(protocol):
    world = World(protocol)
    client = world.client()
    for room in world.rooms.all:
        for name in room.methods():
            params = {"sessionKey": "main"} if name == "chat.send" else {}
            message = client.refused(name, bogus=1, **params)["message"]
            assert message.startswith(f"invalid {name} params: ")
            assert "at root: unexpected property 'bogus'" in message


@pytest.mark.parametrize("scope", [each for each in ALL if each != "operator.admin"])
@BOTH
def test_nobody_calls_a_method_without_its_scope(protocol, scope):
    world = World(protocol)
    client = world.client((scope,))
    enough = {scope, "operator.read"} if scope == "operator.write" else {scope}
    for room in world.rooms.all:
        for name, entry in room.methods().items():
            if entry.scope not in enough:
                assert client.refused(name)["message"] == f"missing scope: {entry.scope}"

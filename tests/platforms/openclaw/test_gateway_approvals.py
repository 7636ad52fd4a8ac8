"""What waits at our gateway for a person's word."""

import pytest

from tests.platforms.openclaw.caller import World

BOTH = pytest.mark.parametrize("protocol", [3, 4])
CAPS = ("approvals", "exec-approvals", "plugin-approvals")
EXEC = {"id": "a1", "command": "echo hi", "host": "gateway", "sessionKey": "agent:main:main", "timeoutMs": 10_000}


def three(protocol):
    """A world with somebody who asks, an administrator who decides, and a reviewer without more rights."""
    world = World(protocol)
    reviewer = world.client(("operator.read", "operator.approvals"), CAPS)
    return world, world.client(caps=CAPS), world.client(caps=CAPS), reviewer


@BOTH
@pytest.mark.parametrize("decision", ["allow-once", "allow-always", "deny"])
def test_whoever_asks_waits_for_the_decision(protocol, decision):
    _world, asker, admin, _reviewer = three(protocol)
    asked = asker.send("exec.approval.request", **EXEC)
    asker.wait(5)
    assert asked not in asker.answers
    ((_, requested),) = admin.heard("exec.approval.requested")
    assert (requested["id"], requested["request"]["command"]) == ("a1", "echo hi")
    assert requested["expiresAtMs"] - requested["createdAtMs"] == 10_000
    assert [each["id"] for each in admin.call("exec.approval.list")] == ["a1"]
    assert admin.call("exec.approval.resolve", id="a1", decision=decision) == {"ok": True}
    asker.read()
    assert asker.answers[asked]["payload"]["decision"] == decision
    for each in (asker, admin):
        assert [told["decision"] for _, told in each.heard("exec.approval.resolved")] == [decision]
    assert admin.call("exec.approval.list") == []


@BOTH
def test_nobody_is_told_that_the_time_is_over(protocol):
    _world, asker, admin, _reviewer = three(protocol)
    asked = asker.send("exec.approval.request", **EXEC)
    admin.heard("exec.approval.requested")
    asker.wait(9.9)
    assert asked not in asker.answers
    asker.wait(0.2)
    assert asker.answers[asked]["payload"]["decision"] is None
    assert admin.heard("exec.approval.resolved") == []
    assert admin.call("exec.approval.list") == []
    error = admin.refused("exec.approval.resolve", id="a1", decision="deny")
    assert error["details"]["reason"] == "APPROVAL_NOT_FOUND"


@BOTH
def test_the_first_decision_stands(protocol):
    _world, asker, admin, _reviewer = three(protocol)
    asker.send("exec.approval.request", **EXEC)
    assert admin.refused("exec.approval.resolve", id="a1", decision="perhaps")["message"] == "invalid decision"
    admin.call("exec.approval.resolve", id="a1", decision="deny")
    assert admin.call("exec.approval.resolve", id="a1", decision="deny") == {"ok": True}
    error = admin.refused("exec.approval.resolve", id="a1", decision="allow-once")
    assert error["details"] == {"reason": "APPROVAL_ALREADY_RESOLVED"}
    admin.wait(20)
    error = admin.refused("exec.approval.resolve", id="a1", decision="deny")
    assert error["details"]["reason"] == "APPROVAL_NOT_FOUND"


@BOTH
def test_what_is_to_be_asked_each_time_is_not_allowed_for_ever(protocol):
    _world, asker, admin, _reviewer = three(protocol)
    asker.send("exec.approval.request", **EXEC, ask="always")
    assert admin.call("exec.approval.get", id="a1")["allowedDecisions"] == ["allow-once", "deny"]
    assert "unavailable" in admin.refused("exec.approval.resolve", id="a1", decision="allow-always")["message"]


def test_reviewers_see_everything_on_3():
    _world, asker, _admin, reviewer = three(3)
    asker.send("exec.approval.request", **EXEC)
    assert len(reviewer.heard("exec.approval.requested")) == 1
    assert len(asker.heard("exec.approval.requested")) == 1
    assert len(reviewer.call("exec.approval.list")) == 1
    assert reviewer.call("exec.approval.resolve", id="a1", decision="deny") == {"ok": True}


def test_reviewers_must_know_the_id_of_others_requests_on_4():
    world, asker, _admin, reviewer = three(4)
    plain_admin = world.client()
    asked = asker.send("exec.approval.request", **EXEC)
    for each in (asker, reviewer, plain_admin):
        assert each.heard("exec.approval.requested") == []
    assert reviewer.call("exec.approval.list") == []
    assert reviewer.refused("exec.approval.get", id="a1")["details"]["reason"] == "APPROVAL_NOT_FOUND"
    assert reviewer.refused("exec.approval.resolve", id="a1", decision="deny")["details"] == {
        "reason": "APPROVAL_NOT_FOUND"
    }
    assert reviewer.call("approval.get", id="a1")["approval"]["status"] == "pending"
    wrong = reviewer.refused("approval.resolve", id="a1", kind="plugin", decision="deny")
    assert wrong["details"] == {"reason": "APPROVAL_NOT_FOUND"}
    decided = reviewer.call("approval.resolve", id="a1", kind="exec", decision="allow-once")
    assert (decided["applied"], decided["approval"]["status"]) == (True, "allowed")
    asker.read()
    assert asker.answers[asked]["payload"]["decision"] == "allow-once"
    again = reviewer.call("approval.resolve", id="a1", kind="exec", decision="allow-once")
    assert again["applied"] is False


def test_a_request_about_no_session_is_seen_by_reviewers_on_4():
    _world, asker, _admin, reviewer = three(4)
    asker.send("exec.approval.request", **{name: value for name, value in EXEC.items() if name != "sessionKey"})
    assert len(reviewer.heard("exec.approval.requested")) == 1
    assert len(reviewer.call("exec.approval.list")) == 1


def test_with_nobody_to_see_it_a_request_is_over_at_once_on_4():
    for protocol in (3, 4):
        world = World(protocol)
        asker = world.client(caps=CAPS)
        asked = asker.send("exec.approval.request", **EXEC)
        asker.wait(0)
        assert (asked in asker.answers) == (protocol == 4)
        asker.wait(11)
        assert asker.answers[asked]["payload"]["decision"] is None


@BOTH
def test_an_id_is_asked_for_once_at_a_time(protocol):
    _world, asker, _admin, _reviewer = three(protocol)
    asker.send("exec.approval.request", **EXEC)
    assert "already pending" in asker.refused("exec.approval.request", **EXEC)["message"]


@BOTH
def test_others_may_wait_for_the_decision_too(protocol):
    _world, asker, admin, _reviewer = three(protocol)
    asked = asker.send("exec.approval.request", **EXEC)
    early = admin.send("exec.approval.waitDecision", id="a1")
    admin.call("exec.approval.resolve", id="a1", decision="deny")
    late = admin.send("exec.approval.waitDecision", id="a1")
    asker.read()
    decisions = [asker.answers[asked], admin.answers[early], admin.answers[late]]
    assert [each["payload"]["decision"] for each in decisions] == ["deny"] * 3
    assert "not found" in admin.refused("exec.approval.waitDecision", id="no")["message"]


@BOTH
def test_plugins_ask_too(protocol):
    _world, asker, admin, _reviewer = three(protocol)
    asked = asker.send("plugin.approval.request", title="Send", description="a letter", pluginId="post")
    ((_, requested),) = admin.heard("plugin.approval.requested")
    assert requested["request"]["title"] == "Send"
    assert admin.call("exec.approval.list") == []
    (listed,) = admin.call("plugin.approval.list")
    assert listed["id"] == requested["id"]
    if protocol == 4:
        assert admin.call("approval.get", id=listed["id"])["approval"]["presentation"]["title"] == "Send"
    admin.call("plugin.approval.resolve", id=listed["id"], decision="deny")
    asker.read()
    assert asker.answers[asked]["payload"]["decision"] == "deny"
    assert len(admin.heard("plugin.approval.resolved")) == 1


@BOTH
def test_only_those_who_may_ask_decide_or_look(protocol):
    world, asker, _admin, _reviewer = three(protocol)
    stranger = world.client(("operator.read", "operator.write"))
    asker.send("exec.approval.request", **EXEC)
    for method, params in (("list", {}), ("get", {"id": "a1"}), ("resolve", {"id": "a1", "decision": "deny"})):
        error = stranger.refused(f"exec.approval.{method}", **params)
        assert error["message"] == "missing scope: operator.approvals"
    assert stranger.heard("exec.approval.requested") == []


@BOTH
def test_a_gateway_forgets_what_waited(protocol):
    world, asker, admin, _reviewer = three(protocol)
    asker.send("exec.approval.request", **EXEC)
    world.restart()
    admin = world.client(caps=CAPS)
    assert admin.call("exec.approval.list") == []
    admin.wait(20)
    assert admin.refused("exec.approval.get", id="a1")["details"]["reason"] == "APPROVAL_NOT_FOUND"

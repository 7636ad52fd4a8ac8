"""Answers of two real gateways as values, and answers that no gateway should give."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.platforms.openclaw.recorded import P3, P4, answer, answers, events
from trio_bridge import RemoteProtocolError
from trio_bridge.platforms.openclaw.api.approval_results import Approval, Resolution, list_of_kind
from trio_bridge.platforms.openclaw.api.compaction import Checkpoint
from trio_bridge.platforms.openclaw.api.history import Aborted, History, InFlightRun
from trio_bridge.platforms.openclaw.api.inventory import GatewayAgent, GatewayIdentity, Model
from trio_bridge.platforms.openclaw.api.messages import ChatMessage, Enclosure
from trio_bridge.platforms.openclaw.api.session_results import Branch, Compacted, Deleted, Preview, Session, SessionList
from trio_bridge.platforms.openclaw.api.skills import FoundSkill, Skill, SkillDetail
from trio_bridge.platforms.openclaw.reading import Fields

both = pytest.mark.parametrize("gateway", [P3, P4])

# What was said


@both
def test_a_history(gateway: str) -> None:
    history = next(found for each in answers(gateway, "chat.history") if len((found := History.of(each)).messages) == 2)
    asked, answered = history.messages
    assert history.session_key == "agent:main:main"
    assert (asked.role, asked.text) == ("user", "ECHO one two three four five six seven")
    assert (answered.role, answered.text) == ("assistant", "one two three four five six seven ")
    assert answered.model == "fake-1"
    assert asked.id == asked.raw["__openclaw"]["id"] != answered.id
    assert asked.sent_at is not None
    assert 1795163900 < asked.sent_at < 1795164100


def test_the_history_of_a_session_that_nobody_knows_is_empty() -> None:
    assert [History.of(answers(gateway, "chat.history")[-1]).messages for gateway in (P3, P4)] == [(), ()]


def test_only_newer_gateways_tell_how_much_there_is_and_what_is_running() -> None:
    older, newer = History.of(answers(P3, "chat.history")[1]), History.of(answer(P4, "chat.history"))
    assert (older.total, older.has_more, older.running) == (None, None, None)
    assert (newer.total, newer.has_more) == (1, False)
    assert newer.running is not None
    assert newer.running.run_id == "ac1de080-da1c-4e3c-9c01-5d0a2bc78569"
    assert newer.running.text.startswith("word0 word1 word2")
    assert newer.running.started_at == 1795164009.317


def test_a_run_that_is_under_way_has_an_id() -> None:
    with pytest.raises(RemoteProtocolError, match=r"^inFlightRun\.runId is missing, not a text$"):
        InFlightRun.of({"text": "half"})


def test_the_content_of_a_message_is_a_text_or_a_list_of_blocks() -> None:
    image = {"type": "image", "mimeType": "image/png", "bytes": 70, "omitted": True}
    blocks = [
        {"type": "text", "text": "look "},
        image,
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": "here"},
    ]
    message = ChatMessage.of({"content": blocks})
    assert message.text == "look here"
    assert message.attachments == (Enclosure(kind="image", mime_type="image/png", size=70),)
    assert ChatMessage.of({"content": "look"}).text == "look"


@both
def test_messages_of_events_are_the_same_messages(gateway: str) -> None:
    said = [ChatMessage.of(event["message"]) for event in events(gateway, "session.message")]
    assert any(message.id and message.text == "via sessions.send " for message in said)


def test_what_was_stopped() -> None:
    for gateway in (P3, P4):
        stopped = [Aborted.of(each) for each in answers(gateway, "chat.abort")]
        assert {each.aborted for each in stopped} == {True, False}
        assert all(each.aborted == bool(each.run_ids) for each in stopped)


# Sessions


def test_a_list_of_sessions() -> None:
    older, newer = (SessionList.of(answer(gateway, "sessions.list")) for gateway in (P3, P4))
    assert [session.key for session in older.sessions] == ["agent:main:main"] == [each.key for each in newer.sessions]
    assert (older.total, newer.total, newer.next_offset) == (None, 1, None)
    session = newer.sessions[0]
    assert (session.agent_id, session.model, session.status, session.total_tokens) == ("main", "fake-1", "done", 11)
    assert (session.created_at, session.updated_at) == (1795164005.453, 1795164008.276)


@both
def test_a_session_that_was_made_and_changed(gateway: str) -> None:
    made, again = (Session.of(each) for each in answers(gateway, "sessions.create"))
    changed, reset = Session.of(answer(gateway, "sessions.patch")), Session.of(answer(gateway, "sessions.reset"))
    assert {made.key, again.key, changed.key, reset.key} == {"agent:main:bridge:t1"}
    assert (made.label, changed.label) == ("Bridge 1", "Renamed")
    assert made.id == again.id == changed.id
    assert (reset.id == made.id) == (gateway == P4)
    assert changed.model == "fake-1"
    assert Session.described(answer(gateway, "sessions.describe")) is not None
    assert Session.described({"session": None}) is None


@both
def test_previews(gateway: str) -> None:
    nothing, something = Preview.list_of(answer(gateway, "sessions.preview"))
    assert (nothing.status, nothing.items) == ("empty", ())
    assert [item.role for item in something.items] == ["user", "assistant"]
    assert something.items[1].text == "file"


@both
def test_deleted_sessions(gateway: str) -> None:
    gone, never = (Deleted.of(each) for each in answers(gateway, "sessions.delete"))
    assert (gone.deleted, len(gone.archived)) == (True, 1)
    assert (never.deleted, never.archived) == (False, ())


def test_a_shorter_session_and_what_it_was() -> None:
    shorter = Compacted.of(answer(P3, "sessions.compact"))
    assert (shorter.compacted, shorter.tokens_before, shorter.tokens_after) == (True, 12, 24)
    assert shorter.summary.startswith("Hello from fake model.")
    (checkpoint,) = (Checkpoint.of(row) for row in answer(P3, "sessions.compaction.list")["checkpoints"])
    assert (checkpoint.id, checkpoint.reason) == ("d028b416-3c2c-4964-bd08-0f9607e2815a", "manual")
    assert checkpoint.created_at == 1795164074.535


def test_branches() -> None:
    (branch,) = Branch.list_of(answer(P4, "sessions.branches.list"))
    assert (branch.leaf_id, branch.headline, branch.messages) == ("8a3bfd10-13df-4183-af1b-ece5c9c864f3", "file", 12)
    assert branch.active
    assert branch.updated_at == 1795164083.817


# What else there is


@both
def test_agents_models_skills_and_the_gateway_itself(gateway: str) -> None:
    (agent,) = GatewayAgent.list_of(answer(gateway, "agents.list"))
    assert (agent.id, agent.model, agent.default) == ("main", "fake/fake-1", True)
    (model,) = Model.list_of(answer(gateway, "models.list"))
    assert (model.provider, model.id, model.context_window, model.reasoning) == ("fake", "fake-1", 128000, False)
    (skill,) = Skill.list_of(answer(gateway, "skills.status"))
    assert (skill.name, skill.key, skill.eligible, skill.missing) == (
        "1password",
        "1password",
        False,
        {"bins": ("op",)},
    )
    assert len(GatewayIdentity.of(answer(gateway, "gateway.identity.get")).device_id) == 64


def test_skills_of_the_registry() -> None:
    found = {"slug": "notes", "displayName": "Notes", "summary": "Take notes", "version": "1.2.0", "score": 0.5}
    (skill,) = FoundSkill.list_of({"results": [found | {"updatedAt": 1795164074535}]})
    assert (skill.slug, skill.name, skill.version, skill.score, skill.updated_at) == (
        "notes",
        "Notes",
        "1.2.0",
        0.5,
        1795164074.535,
    )
    detail = SkillDetail.of(
        {
            "skill": {
                "slug": "notes",
                "displayName": "Notes",
                "tags": {"latest": "1.2.0"},
                "createdAt": 1,
                "updatedAt": 2,
            },
            "latestVersion": {"version": "1.2.0", "createdAt": 1, "changelog": "More."},
            "owner": {"handle": None, "displayName": "Somebody"},
            "metadata": None,
        }
    )
    assert detail is not None
    assert (detail.version, detail.changelog, detail.owner, detail.tags) == (
        "1.2.0",
        "More.",
        "Somebody",
        {"latest": "1.2.0"},
    )
    assert SkillDetail.of({"skill": None}) is None


@both
def test_approvals_of_commands(gateway: str) -> None:
    (waiting,) = list_of_kind("exec")(answer(gateway, "exec.approval.list"))
    asked_for = Approval.of(answer(gateway, "exec.approval.get"))
    told = Approval.of(events(gateway, "exec.approval.requested")[0])
    assert waiting == told
    assert (waiting.kind, waiting.text, waiting.status) == ("exec", "echo hi", "pending")
    assert (waiting.session_key, waiting.host, waiting.cwd) == ("agent:main:main", "gateway", "/home/user")
    assert waiting.decisions == ("allow-once", "allow-always", "deny") == asked_for.decisions
    assert waiting.expires_at is not None
    assert waiting.expires_at == asked_for.expires_at
    assert waiting.created_at is not None
    assert 15 <= waiting.expires_at - waiting.created_at <= 20
    assert asked_for.text == "echo hi"
    resolved = Approval.of(events(gateway, "exec.approval.resolved")[0])
    assert (resolved.id, resolved.decision, resolved.status) == (waiting.id, "allow-once", "allowed")


def test_approvals_by_id_alone() -> None:
    waiting = Approval.of(answer(P4, "approval.get")["approval"], "plugin")
    assert (waiting.kind, waiting.text, waiting.status) == ("exec", "echo hi", "pending")
    resolution = Resolution.of(answer(P4, "approval.resolve"))
    assert resolution.applied
    assert resolution.approval is not None
    assert (resolution.approval.status, resolution.approval.session_key) == ("allowed", "agent:main:main")
    assert Resolution.of(answer(P3, "exec.approval.resolve")) == Resolution()
    assert not Resolution.of({"applied": False}).applied


def test_approvals_of_plugins() -> None:
    request = {"pluginId": "mail", "title": "Send a mail", "description": "To all", "severity": "warning"}
    (waiting,) = list_of_kind("plugin")([{"id": "p1", "request": request, "createdAtMs": 1000, "expiresAtMs": 3000}])
    assert (waiting.kind, waiting.text, waiting.description) == ("plugin", "Send a mail", "To all")
    assert (waiting.created_at, waiting.expires_at) == (1, 3)
    assert [list_of_kind("plugin")(answer(gateway, "plugin.approval.list")) for gateway in (P3, P4)] == [(), ()]


# What is not what it should be

READERS: list[Callable[[Any], Any]] = [
    Aborted.of,
    Approval.of,
    Branch.list_of,
    ChatMessage.of,
    Checkpoint.of,
    Compacted.of,
    Deleted.of,
    FoundSkill.list_of,
    GatewayAgent.list_of,
    GatewayIdentity.of,
    History.of,
    Model.list_of,
    Preview.list_of,
    Resolution.of,
    Session.described,
    Session.of,
    SessionList.of,
    Skill.list_of,
    SkillDetail.of,
    list_of_kind("exec"),
]
NAMES = [
    "key", "id", "sessions", "sessionKey", "sessionId", "messages", "content", "type", "text", "timestamp", "ok",
    "inFlightRun", "runId", "session", "entry", "resolved", "updatedAt", "createdAt", "previews", "items", "branches",
    "leafEntryId", "skills", "name", "missing", "results", "slug", "skill", "tags", "latestVersion", "owner", "agents",
    "model", "models", "deviceId", "checkpointId", "request", "presentation", "approval", "createdAtMs", "expiresAtMs",
    "allowedDecisions", "archived", "runIds", "__openclaw", "applied",
]  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=20,
)


@pytest.mark.parametrize("read", READERS, ids=lambda read: getattr(read, "__qualname__", "list_of_kind"))
@settings(max_examples=40)
@given(payload=values)
def test_whatever_a_gateway_answers_is_read_or_is_unreadable(read: Callable[[Any], Any], payload: Any) -> None:
    with suppress(RemoteProtocolError):
        read(payload)


@pytest.mark.parametrize(
    ("read", "payload", "said"),
    [
        (SessionList.of, None, "the payload is missing, not an object"),
        (SessionList.of, {}, "sessions is missing, not a list"),
        (SessionList.of, {"sessions": [{"key": "a"}, "b"]}, "sessions[1] is a text, not an object"),
        (SessionList.of, {"sessions": [{"key": "a"}, {"key": 5}]}, "sessions[1].key is a number, not a text"),
        (History.of, {"sessionKey": "a", "messages": {}}, "messages is an object, not a list"),
        (list_of_kind("exec"), {}, "the payload is an object, not a list"),
        (list_of_kind("exec"), [{"id": ""}], "the payload[0].id is empty, not a text"),
        (GatewayIdentity.of, {"deviceId": True}, "deviceId is true or false, not a text"),
        (Session.described, {"session": []}, "session is a list, not an object"),
    ],
)
def test_what_is_unreadable_is_named(read: Callable[[Any], Any], payload: Any, said: str) -> None:
    with pytest.raises(RemoteProtocolError) as raised:
        read(payload)
    assert str(raised.value) == said


def test_what_a_result_can_do_without_is_empty_where_it_is_something_else() -> None:
    odd = {"label": 5, "updatedAt": "yesterday", "createdAt": float("nan"), "inputTokens": 1.5, "outputTokens": True}
    session = Session.of({"key": "a", "entry": odd, "totalTokens": 10**400})
    assert (session.label, session.updated_at, session.created_at) == ("", None, None)
    assert (session.input_tokens, session.output_tokens, session.total_tokens) == (None, None, None)


def test_a_time_without_a_zone_is_none() -> None:
    fields = Fields({"then": "2026-11-20T08:41:23", "now": "2026-11-20T08:41:23+00:00"})
    assert (fields.moment("then"), fields.moment("now")) == (None, 1795164083)


def test_what_was_said_stands_in_no_repr() -> None:
    secret = "the launch is on Friday"
    payload = {"sessionKey": "a", "messages": [{"content": secret}], "inFlightRun": {"runId": "r", "text": secret}}
    history = History.of(payload)
    assert history.messages[0].text == secret
    assert secret not in repr(history) + repr(history.messages) + repr(Approval.of({"id": "a", "commandText": secret}))

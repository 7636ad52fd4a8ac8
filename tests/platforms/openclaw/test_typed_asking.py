"""What typed calls ask, and what they make of a gateway that says no, says nothing, or can't be understood."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.platforms.openclaw.recorded import P3, P4, Desk
from trio_bridge import NotSent, OutcomeUnknown, RemoteProtocolError, RequestFailed
from trio_bridge.platforms.openclaw.api.approvals import Approvals
from trio_bridge.platforms.openclaw.api.cache import MessageCache
from trio_bridge.platforms.openclaw.api.compaction import Checkpoint, Compaction
from trio_bridge.platforms.openclaw.api.devices import Devices
from trio_bridge.platforms.openclaw.api.messages import ChatMessage
from trio_bridge.platforms.openclaw.api.sessions import Sessions, is_main
from trio_bridge.platforms.openclaw.api.skills import Skills
from trio_bridge.platforms.openclaw.api.typed import TypedCalls
from trio_bridge.platforms.openclaw.events import Events
from trio_bridge.platforms.openclaw.hello import Hello
from trio_bridge.platforms.openclaw.subscriptions import Subscriptions

KEY = "agent:main:bridge:t1"


class NoSubscriptions(Subscriptions):
    """Takes wishes."""

    def __init__(self) -> None:
        self.wishes: list[Any] = []

    @asynccontextmanager
    async def wanted(self, wishes: Any) -> Any:
        self.wishes += wishes
        yield


async def keep_nothing(token: str, scopes: frozenset[str], issued_at: float) -> None:
    raise AssertionError("nobody gave us a token")


def api_of(desk: Desk, *, session_key: str | None = None, cache: MessageCache | None = None) -> TypedCalls:
    cache = MessageCache(10, 10**6) if cache is None else cache
    return TypedCalls(
        sessions=Sessions(desk.caller, NoSubscriptions(), cache),
        compaction=Compaction(desk.caller),
        skills=Skills(desk.caller),
        approvals=Approvals(desk.caller, Events(10), lambda: 0.0),
        devices=Devices(desk.caller, lambda: "our-device", keep_nothing),
        caller=desk.caller,
        cache=cache,
        session_key=session_key,
    )


Call = Callable[[TypedCalls], Awaitable[Any]]

QUESTIONS: dict[str, tuple[Call, str, Any]] = {
    "history": (lambda api: api.history(KEY, limit=5), "chat.history", {"sessionKey": KEY, "limit": 5}),
    "recover": (lambda api: api.recover(KEY), "chat.history", {"sessionKey": KEY, "limit": 200}),
    "agents": (lambda api: api.agents(), "agents.list", {}),
    "models": (lambda api: api.models(), "models.list", {}),
    "identity": (lambda api: api.identity(), "gateway.identity.get", {}),
    "sessions": (lambda api: api.sessions.list(limit=5), "sessions.list", {"limit": 5}),
    "recent sessions": (lambda api: api.sessions.list(active_minutes=60), "sessions.list", {"activeMinutes": 60}),
    "describe": (lambda api: api.sessions.describe(KEY), "sessions.describe", {"key": KEY}),
    "resolve": (lambda api: api.sessions.resolve(label="a"), "sessions.resolve", {"label": "a"}),
    "preview": (lambda api: api.sessions.preview(KEY, limit=2), "sessions.preview", {"keys": [KEY], "limit": 2}),
    "previews": (lambda api: api.sessions.preview(["a", "b"]), "sessions.preview", {"keys": ["a", "b"]}),
    "skills": (lambda api: api.skills.status(), "skills.status", {}),
    "skills of one": (lambda api: api.skills.status("ops"), "skills.status", {"agentId": "ops"}),
}
CHANGES: dict[str, tuple[Call, str, Any]] = {
    "abort": (lambda api: api.abort(KEY, "run"), "chat.abort", {"sessionKey": KEY, "runId": "run"}),
    "abort all": (lambda api: api.abort(KEY), "chat.abort", {"sessionKey": KEY}),
    "inject": (
        lambda api: api.inject(KEY, "a note", label="bridge"),
        "chat.inject",
        {"sessionKey": KEY, "message": "a note", "label": "bridge"},
    ),
    "create": (lambda api: api.sessions.create(KEY, agent_id="ops"), "sessions.create", {"key": KEY, "agentId": "ops"}),
    "create any": (lambda api: api.sessions.create(), "sessions.create", {}),
    "patch": (
        lambda api: api.sessions.patch(KEY, label=None, thinking_level="high"),
        "sessions.patch",
        {"key": KEY, "label": None, "thinkingLevel": "high"},
    ),
    "reset": (lambda api: api.sessions.reset(KEY), "sessions.reset", {"key": KEY}),
    "delete": (lambda api: api.sessions.delete(KEY), "sessions.delete", {"key": KEY}),
}


@pytest.mark.parametrize("gateway", [P3, P4])
@pytest.mark.parametrize("name", [*QUESTIONS, *CHANGES])
async def test_each_call_is_one_request(gateway: str, name: str) -> None:
    call, method, params = (QUESTIONS | CHANGES)[name]
    desk = Desk(gateway)
    assert await call(api_of(desk)) is not None
    assert desk.asked == [(method, params, name in QUESTIONS)]


@pytest.mark.parametrize("name", QUESTIONS)
async def test_an_answer_to_a_question_that_cannot_be_read_is_named(name: str) -> None:
    call, method, _ = QUESTIONS[name]
    desk = Desk()
    desk.answers[method] = ["what?"]
    with pytest.raises(RemoteProtocolError, match=rf"^{method}: the payload is a list, not an object$"):
        await call(api_of(desk))


@pytest.mark.parametrize("name", CHANGES)
async def test_what_was_carried_out_is_not_called_a_failure(name: str) -> None:
    call, method, _ = CHANGES[name]
    desk = Desk()
    desk.answers[method] = ["what?"]
    with pytest.raises(OutcomeUnknown, match=rf"^{method} was carried out, but the payload is a list, not an object$"):
        await call(api_of(desk))


async def test_a_session_that_would_not_be_made_shorter_is_a_failure() -> None:
    older, newer = Desk(P3), Desk(P4)
    assert (await api_of(older).sessions.compact("main")).compacted
    with pytest.raises(RequestFailed, match=r"^sessions\.compact: Compaction safeguard finalized summary") as failed:
        await api_of(newer).sessions.compact("main")
    assert (failed.value.code, failed.value.method) == ("not_done", "sessions.compact")
    assert failed.value.payload == {
        "ok": False,
        "key": "agent:main:main",
        "compacted": False,
        "reason": "Compaction safeguard finalized summary failed quality checks.",
    }


@pytest.mark.parametrize("payload", [{"ok": False}, {"ok": False, "reason": {"a": 1}, "error": None}])
async def test_a_no_without_a_reason_is_a_no(payload: Any) -> None:
    desk = Desk()
    desk.answers["sessions.compact"] = payload
    with pytest.raises(RequestFailed, match="did not say why"):
        await api_of(desk).sessions.compact("main")


async def test_a_gateway_that_is_not_well_says_so_in_its_own_words() -> None:
    desk = Desk()
    desk.answers |= {"health": {"ok": False, "ts": 5}, "status": {"queued": 1}}
    api = api_of(desk)
    assert await api.health() == {"ok": False, "ts": 5}
    assert await api.health(probe=True) == {"ok": False, "ts": 5}
    assert await api.status() == {"queued": 1}
    assert [params for _, params, _ in desk.asked] == [{}, {"probe": True}, {}]


# Which session is meant


async def test_a_session_that_is_not_named() -> None:
    desk = Desk()
    assert desk.hello is not None
    desk.hello = Hello(protocol=4, default_agent="ops", session_key="agent:ops:main", methods=desk.hello.methods)
    await api_of(desk).history()
    await api_of(desk, session_key="mine").history()
    desk.hello = None
    await api_of(desk).history()
    asked = [params["sessionKey"] for _, params, _ in desk.asked]
    assert asked == ["agent:ops:main", "mine", "main"]


@pytest.mark.parametrize("key", ["main", "MAIN ", "agent:main:main", "agent:ops:main", "home", "agent:ops:home"])
async def test_main_sessions_are_neither_deleted_nor_reset_by_mistake(key: str) -> None:
    desk = Desk()
    assert desk.hello is not None
    desk.hello = Hello(protocol=4, session_key="agent:main:home", methods=desk.hello.methods)
    sessions = api_of(desk).sessions
    for call in (sessions.delete, sessions.reset):
        with pytest.raises(RequestFailed, match="even_main=True") as failed:
            await call(key)
        assert failed.value.code == "main_session"
    assert desk.asked == []
    await sessions.delete(key, even_main=True)
    await sessions.reset(key, even_main=True)
    assert [method for method, _, _ in desk.asked] == ["sessions.delete", "sessions.reset"]


def test_sessions_are_called_what_they_were_called_while_there_was_a_connection() -> None:
    desk, cache = Desk(), MessageCache(10, 10**6)
    desk.last_hello = Hello(protocol=4, default_agent="ops", session_key="agent:ops:main")
    desk.hello = None
    api = api_of(desk, cache=cache)
    cache.add("agent:ops:main", [ChatMessage(id="1")])
    cache.add("agent:ops:room", [ChatMessage(id="2")])

    assert [message.id for message in (*api.cached(), *api.cached("room"))] == ["1", "2"]
    api.clear_cache("room")
    assert api.cached("room") == ()


def test_main_sessions_are_known_before_the_first_connection() -> None:
    assert is_main("main", None)
    assert is_main("agent:ops:main", None)
    assert not is_main("agent:ops:group:main", None)
    assert not is_main("bridge:main", None)
    assert not is_main("agent:x", Hello(protocol=4))


async def test_a_session_that_begins_anew_is_forgotten() -> None:
    for gateway in (P3, P4):
        desk = Desk(gateway)
        api = api_of(desk)
        for forget in (api.sessions.reset, api.sessions.delete):
            desk.answers["chat.history"] = {"sessionKey": "t1", "messages": [{"__openclaw": {"id": "a"}}]}
            await api.history("t1")
            assert [message.id for message in api.cached("agent:main:t1")] == ["a"]
            await forget("T1")
            assert api.cached("t1") == ()


async def test_subscribing() -> None:
    sessions = api_of(Desk()).sessions
    async with sessions.subscribe(), sessions.subscribe("Main", "agent:ops:x"):
        assert isinstance(sessions._subscriptions, NoSubscriptions)
        assert sessions._subscriptions.wishes == [
            ("sessions.subscribe", ""),
            ("sessions.messages.subscribe", "agent:main:main"),
            ("sessions.messages.subscribe", "agent:ops:x"),
        ]


# What a gateway has not

OLD: dict[str, Call] = {
    "sessions.compaction.list": lambda api: api.compaction.list(KEY),
    "sessions.compaction.get": lambda api: api.compaction.get(KEY, "one"),
    "sessions.compaction.branch": lambda api: api.compaction.branch(KEY, "one"),
    "sessions.compaction.restore": lambda api: api.compaction.restore(KEY, "one"),
}
NEW: dict[str, Call] = {
    "sessions.branches.list": lambda api: api.sessions.branches(KEY),
    "sessions.branches.switch": lambda api: api.sessions.switch_branch(KEY, "leaf"),
}


@pytest.mark.parametrize(("gateway", "method"), [*((P4, name) for name in OLD), *((P3, name) for name in NEW)])
async def test_what_a_gateway_has_not_is_not_asked_for(gateway: str, method: str) -> None:
    desk = Desk(gateway)
    with pytest.raises(RequestFailed, match=rf"^this gateway has no {method}$") as failed:
        await (OLD | NEW)[method](api_of(desk))
    assert (failed.value.code, failed.value.method) == ("unsupported", method)
    assert desk.asked == []


async def test_checkpoints() -> None:
    desk = Desk(P3, methods=OLD)
    (checkpoint,) = await api_of(desk).compaction.list(KEY)
    raw = checkpoint.raw
    desk.answers["sessions.compaction.get"] = {"ok": True, "key": KEY, "checkpoint": raw}
    session = {"ok": True, "sourceKey": KEY, "key": "agent:main:copy", "sessionId": "s", "checkpoint": raw, "entry": {}}
    desk.answers["sessions.compaction.branch"] = session
    desk.answers["sessions.compaction.restore"] = session | {"key": KEY}
    compaction = api_of(desk).compaction
    assert isinstance(checkpoint, Checkpoint)
    assert await compaction.get(KEY, checkpoint.id) == checkpoint
    assert (await compaction.branch(KEY, checkpoint)).key == "agent:main:copy"
    assert (await compaction.restore(KEY, checkpoint)).id == "s"
    named = {"key": KEY, "checkpointId": checkpoint.id}
    assert desk.asked[1:] == [
        ("sessions.compaction.get", named, True),
        ("sessions.compaction.branch", named, False),
        ("sessions.compaction.restore", named, False),
    ]


async def test_branches_and_going_on_from_another() -> None:
    desk = Desk(P4, methods=NEW)
    desk.answers["sessions.branches.switch"] = {}
    sessions = api_of(desk).sessions
    (branch,) = await sessions.branches(KEY)
    await sessions.switch_branch(KEY, branch)
    assert desk.asked[1] == ("sessions.branches.switch", {"sessionKey": KEY, "leafEntryId": branch.leaf_id}, False)


async def test_without_a_connection_it_is_the_connection_that_is_missing() -> None:
    desk = Desk()
    desk.hello = None
    desk.answers |= {name: NotSent("no connection") for name in (*OLD, "exec.approval.list")}
    api = api_of(desk)
    for call in (*OLD.values(), lambda api: api.approvals.list()):
        with pytest.raises(NotSent):
            await call(api)


async def test_a_gateway_that_names_no_methods_is_asked() -> None:
    desk = Desk(P3, methods=())
    assert await api_of(desk).compaction.list(KEY)
    desk.unsupported.learn(
        P3,
        RequestFailed(
            "sessions.compaction.list: INVALID_REQUEST unknown method: sessions.compaction.list",
            code="INVALID_REQUEST",
            method="sessions.compaction.list",
        ),
    )
    with pytest.raises(RequestFailed, match="this gateway has no"):
        await api_of(desk).compaction.list(KEY)


# Skills of the registry


async def test_a_registry_that_cannot_be_reached() -> None:
    desk = Desk()
    away = RequestFailed("skills.search: UNAVAILABLE fetch failed", code="UNAVAILABLE", method="skills.search")
    desk.answers |= {"skills.search": away, "skills.detail": away}
    skills = api_of(desk).skills
    for call in (skills.search("notes", limit=3), skills.detail("notes")):
        with pytest.raises(RequestFailed) as failed:
            await call
        assert failed.value.code == "UNAVAILABLE"
    desk.answers["skills.search"] = {"results": []}
    assert await skills.search() == ()
    assert [params for _, params, _ in desk.asked] == [{"query": "notes", "limit": 3}, {"slug": "notes"}, {}]


# Approvals


async def test_approvals_of_both_kinds_the_oldest_first() -> None:
    desk = Desk()
    desk.answers["exec.approval.list"] = [
        {"id": "late", "request": {"command": "b"}, "createdAtMs": 9000, "expiresAtMs": 9999},
        {"id": "timeless", "request": {"command": "c"}},
    ]
    desk.answers["plugin.approval.list"] = [{"id": "early", "request": {"title": "a"}, "createdAtMs": 5000}]
    found = await api_of(desk).approvals.list()
    assert [(each.id, each.kind) for each in found] == [("timeless", "exec"), ("early", "plugin"), ("late", "exec")]
    older = Desk(P3, methods=["exec.approval.list"])
    assert len(await api_of(older).approvals.list()) == 1
    assert [method for method, _, _ in older.asked] == ["exec.approval.list"]


async def test_newer_gateways_find_approvals_by_their_id_alone() -> None:
    desk = Desk(P4)
    approvals = api_of(desk).approvals
    approval = await approvals.get("ap-1cb61c")
    resolution = await approvals.resolve(approval, "allow-once")
    assert resolution.applied
    assert desk.asked == [
        ("approval.get", {"id": "ap-1cb61c"}, True),
        ("approval.resolve", {"id": "ap-1cb61c", "kind": "exec", "decision": "allow-once"}, False),
    ]


async def test_older_gateways_are_told_the_kind_by_the_method() -> None:
    desk = Desk(P3)
    approvals = api_of(desk).approvals
    approval = await approvals.get("appr-0-54fedfed")
    assert (approval.id, approval.text) == ("appr-0-54fedfed", "echo hi")
    await approvals.resolve(approval, "deny")
    desk.answers["plugin.approval.resolve"] = {"ok": True}
    await approvals.resolve("p1", "deny", kind="plugin")
    with pytest.raises(RequestFailed, match=r"no plugin\.approval\.get"):
        await approvals.get("p1", kind="plugin")
    assert desk.asked == [
        ("exec.approval.get", {"id": "appr-0-54fedfed"}, True),
        ("exec.approval.resolve", {"id": "appr-0-54fedfed", "decision": "deny"}, False),
        ("plugin.approval.resolve", {"id": "p1", "decision": "deny"}, False),
    ]


async def test_another_decision_is_refused() -> None:
    desk = Desk(P3)
    details = {"reason": "APPROVAL_ALREADY_RESOLVED"}
    desk.answers["exec.approval.resolve"] = RequestFailed("no", code="INVALID_REQUEST", details=details)
    with pytest.raises(RequestFailed) as failed:
        await api_of(desk).approvals.resolve("appr-0-54fedfed", "deny")
    assert failed.value.details == details

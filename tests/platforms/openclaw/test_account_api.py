"""Every call of ``account.api`` on a gateway, on both protocols. The gateway is simulated; time is virtual."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Literal

import pytest
import trio

from tests.platforms.openclaw.stage import EPOCH, Stage, simulated
from trio_bridge import AccountRefused, AccountState, NotSent, OutcomeUnknown, RequestFailed
from trio_bridge.openclaw import ApprovalChanges, OpenClawApi
from trio_bridge.platforms.openclaw.gateway.methods import Refusal
from trio_bridge.platforms.openclaw.gateway.shelf import Skill
from trio_bridge.testing.openclaw import Closes, Late, Refuses, Says

EVERYTHING = tuple(f"operator.{right}" for right in ("read", "write", "admin", "approvals"))
CAPS = ("approvals", "exec-approvals", "plugin-approvals")
Protocol = Literal[3, 4]

both = pytest.mark.parametrize("protocol", [3, 4])


@asynccontextmanager
async def opened(protocol: Protocol, **tuning: Any) -> AsyncGenerator[tuple[Stage, OpenClawApi]]:
    """A gateway, and the api of an account that may do everything on it."""
    async with simulated(protocol=protocol) as stage:
        async with stage.account(**{"scopes": EVERYTHING, "caps": CAPS, **tuning}) as account:
            await account.wait_ready()
            assert isinstance(account.api, OpenClawApi)
            yield stage, account.api


async def say(api: OpenClawApi, key: str, text: str) -> str:
    async with api.chat(key, text) as run:
        answer = await run.finish()
    await trio.sleep(1)  # histories lag behind
    return answer


@both
async def test_what_is_said(autojump_clock: object, protocol: Protocol) -> None:
    async with opened(protocol) as (_, api):
        assert (await api.history()).messages == ()
        assert await say(api, "main", "hello") == "you said hello"
        history = await api.history(limit=10)
        assert [(each.role, each.text.strip()) for each in history.messages] == [
            ("user", "hello"),
            ("assistant", "you said hello"),
        ]
        assert history.messages[0].sent_at is not None
        assert EPOCH <= history.messages[0].sent_at <= EPOCH + 60
        assert all(each.id for each in history.messages)
        note = await api.inject(None, "by the way", label="bridge")
        assert (await api.history()).messages[-1].id == note
        assert not (await api.abort("main")).aborted


@both
async def test_stopping_what_is_being_said(autojump_clock: object, protocol: Protocol) -> None:
    async with opened(protocol) as (stage, api), api.chat("main", "LONG", key="question", abort=False) as run:
        stage.gateway.rooms.turns.responder = lambda _: " ".join(f"word{each}" for each in range(1000))
        await anext(run)
        running = (await api.history()).running
        assert (running is not None and running.run_id == "question") is (protocol == 4)
        stopped = await api.abort("main", "question")
        assert (stopped.aborted, stopped.run_ids) == (True, ("question",))
        await run.finish()
        assert run.status == "aborted"


@both
async def test_a_session_from_its_beginning_to_its_end(autojump_clock: object, protocol: Protocol) -> None:
    async with opened(protocol) as (_, api):
        sessions = api.sessions
        made = await sessions.create("bridge:t1", label="Bridge 1")
        assert (made.key, made.label) == ("agent:main:bridge:t1", "Bridge 1")
        assert (await sessions.create("bridge:t1")).id == made.id
        assert await sessions.resolve("bridge:t1") == made.key
        renamed = await sessions.patch("bridge:t1", label="Renamed")
        assert renamed.label == "Renamed"
        await say(api, "bridge:t1", "hello")
        found = {session.key: session for session in (await sessions.list()).sessions}
        assert found[made.key].label == "Renamed"
        described = await sessions.describe(made.key)
        assert described is not None
        assert described.updated_at is not None
        (preview,) = await sessions.preview(made.key)
        assert [item.text for item in preview.items] == ["hello", "you said hello"]
        assert len(api.cached("bridge:t1")) == 1
        reset = await sessions.reset(made.key)
        assert (reset.id == made.id) is (protocol == 4)
        assert api.cached("bridge:t1") == ()
        assert (await sessions.delete(made.key)).deleted
        assert not (await sessions.delete(made.key)).deleted
        assert await sessions.describe(made.key) is None
        with pytest.raises(RequestFailed, match="No session found"):
            await sessions.resolve("bridge:t1")


@both
async def test_the_main_session_is_protected_here_and_there(autojump_clock: object, protocol: Protocol) -> None:
    async with opened(protocol) as (stage, api):
        await say(api, "main", "hello")
        with pytest.raises(RequestFailed, match="even_main") as refused:
            await api.sessions.delete("main")
        assert refused.value.code == "main_session"
        assert not stage.gateway.asked_for("sessions.delete")
        with pytest.raises(RequestFailed, match="Cannot delete the main session"):
            await api.sessions.delete("main", even_main=True)
        await api.sessions.reset("main", even_main=True)
        assert "hello" not in [message.text for message in (await api.history()).messages]


async def test_checkpoints_of_protocol_3(autojump_clock: object) -> None:
    async with opened(3) as (_, api):
        await say(api, "main", "hello")
        assert api.supports("sessions.compaction.list")
        shorter = await api.sessions.compact("main")
        assert shorter.compacted
        assert len((await api.history()).messages) == 1
        (checkpoint,) = await api.compaction.list("main")
        assert await api.compaction.get("main", checkpoint.id) == checkpoint
        copy = await api.compaction.branch("main", checkpoint)
        assert len((await api.history(copy.key)).messages) == 2
        await api.compaction.restore("main", checkpoint)
        assert len((await api.history()).messages) == 2
        with pytest.raises(RequestFailed, match="checkpoint not found"):
            await api.compaction.get("main", "nope")


async def test_branches_of_protocol_4(autojump_clock: object) -> None:
    async with opened(4) as (stage, api):
        await say(api, "main", "hello")
        assert not api.supports("sessions.compaction.list")
        with pytest.raises(RequestFailed) as unsupported:
            await api.compaction.list("main")
        assert unsupported.value.code == "unsupported"
        stage.gateway.rooms.checkpoints.go_back("agent:main:main", 1)
        here, there = await api.sessions.branches("main")
        assert (here.active, here.messages, there.active, there.messages) == (True, 1, False, 2)
        await api.sessions.switch_branch("main", there)
        assert [branch.leaf_id for branch in await api.sessions.branches("main") if branch.active] == [there.leaf_id]
        assert (await api.sessions.compact("main")).compacted


@both
async def test_a_session_that_would_not_be_made_shorter(autojump_clock: object, protocol: Protocol) -> None:
    async with opened(protocol) as (_, api):
        with pytest.raises(RequestFailed) as failed:
            await api.sessions.compact("main")
        assert failed.value.method == "sessions.compact"
        assert failed.value.payload is not None
        assert failed.value.payload["ok"] is False


@both
async def test_what_there_is(autojump_clock: object, protocol: Protocol) -> None:
    async with opened(protocol) as (stage, api):
        assert [agent.id for agent in await api.agents() if agent.default] == ["main"]
        assert [model.context_window for model in await api.models()] == [128_000]
        assert (await api.identity()).device_id == stage.gateway.identity
        assert "ok" in await api.health(probe=True)
        assert await api.status()
        assert await api.skills.status() == ()


@both
async def test_skills_of_the_registry(autojump_clock: object, protocol: Protocol) -> None:
    async with opened(protocol) as (stage, api):
        with pytest.raises(RequestFailed) as away:
            await api.skills.search("notes")
        assert away.value.code == "UNAVAILABLE"
        stage.gateway.rooms.shelf.skills = [Skill("notes", "Notes", "Take notes")]
        (found,) = await api.skills.search("notes", limit=5)
        assert (found.slug, found.name, found.version, found.score) == ("notes", "Notes", "1.0.0", 1.0)
        detail = await api.skills.detail("notes")
        assert detail is not None
        assert (detail.summary, detail.version) == ("Take notes", "1.0.0")


# Approvals


async def ask(api: OpenClawApi, id_: str, *, within: float = 20, kind: str = "exec") -> str | None:
    """Have something approved, as an agent's tool does; returns what was decided."""
    about = {"command": f"run {id_}", "host": "gateway", "sessionKey": "agent:main:main"}
    if kind == "plugin":
        about = {"title": f"run {id_}", "description": "for a test"}
    wanted = (
        {"id": id_, **about, "timeoutMs": within * 1000} if kind == "exec" else {**about, "timeoutMs": within * 1000}
    )
    answer = await api.request(f"{kind}.approval.request", wanted, answer_within=1000)
    return None if answer["decision"] is None else str(answer["decision"])


@asynccontextmanager
async def tool_of(stage: Stage) -> AsyncGenerator[OpenClawApi]:
    """Somebody else on the gateway: nobody reviews their own requests."""
    async with stage.account(scopes=EVERYTHING, caps=CAPS) as account:
        await account.wait_ready()
        yield account.api


async def seen(changes: ApprovalChanges, count: int) -> list[tuple[str, str, str]]:
    with trio.fail_after(300):
        return [
            (each.kind, each.approval.text, each.approval.status)
            for each in [await anext(changes) for _ in range(count)]
        ]


@both
async def test_approvals(autojump_clock: object, protocol: Protocol) -> None:
    async with opened(protocol) as (stage, api), tool_of(stage) as tool:
        decided: list[str | None] = []

        async def run(id_: str) -> None:
            decided.append(await ask(tool, id_))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run, "a")
            await trio.sleep(1)
            async with api.approvals.watch() as changes:
                assert await seen(changes, 1) == [("requested", "run a", "pending")]
                nursery.start_soon(run, "b")
                assert await seen(changes, 1) == [("requested", "run b", "pending")]
                assert [each.id for each in await api.approvals.list()] == ["a", "b"]
                approval = await api.approvals.get("a")
                assert (approval.text, approval.decisions) == ("run a", ("allow-once", "allow-always", "deny"))
                assert (await api.approvals.resolve(approval, "allow-once")).applied
                assert await seen(changes, 1) == [("resolved", "run a", "allowed")]
                await api.approvals.resolve("a", "allow-once")
                await api.approvals.resolve("b", "deny")
                assert await seen(changes, 1) == [("resolved", "run b", "denied")]
        assert sorted(map(str, decided)) == ["allow-once", "deny"]
        assert await api.approvals.list() == ()
        with pytest.raises(RequestFailed) as unknown:
            await api.approvals.get("nope")
        assert unknown.value.details["reason"] == "APPROVAL_NOT_FOUND"


@both
async def test_an_approval_that_nobody_gives_expires(autojump_clock: object, protocol: Protocol) -> None:
    async with (
        opened(protocol) as (stage, api),
        tool_of(stage) as tool,
        api.approvals.watch() as changes,
        trio.open_nursery() as nursery,
    ):
        asked_at = trio.current_time()
        nursery.start_soon(ask, tool, "a")
        assert await seen(changes, 2) == [("requested", "run a", "pending"), ("expired", "run a", "expired")]
        assert trio.current_time() == pytest.approx(asked_at + 20, abs=0.5)


@both
async def test_approvals_of_plugins(autojump_clock: object, protocol: Protocol) -> None:
    async with (
        opened(protocol) as (stage, api),
        tool_of(stage) as tool,
        api.approvals.watch() as changes,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(partial(ask, tool, "p", kind="plugin"))
        change = await anext(changes)
        assert (change.approval.kind, change.approval.text, change.approval.description) == (
            "plugin",
            "run p",
            "for a test",
        )
        await api.approvals.resolve(change.approval, "deny")
        assert await seen(changes, 1) == [("resolved", "run p", "denied")]


@both
async def test_approvals_over_a_lost_connection(autojump_clock: object, protocol: Protocol) -> None:
    async with opened(protocol) as (stage, api), tool_of(stage) as tool, tool_of(stage) as other:
        async with api.approvals.watch() as changes, trio.open_nursery() as nursery:
            nursery.start_soon(ask, tool, "a")
            assert await seen(changes, 1) == [("requested", "run a", "pending")]
            ours = stage.gateway.connections[0]
            ours.drop()
            nursery.start_soon(ask, tool, "b")
            await other.approvals.resolve("a", "deny")
            assert sorted(await seen(changes, 2)) == [("requested", "run b", "pending"), ("resolved", "run a", "")]
            await other.approvals.resolve("b", "deny")


# What is remembered


@both
async def test_what_others_hear_is_remembered_too(autojump_clock: object, protocol: Protocol) -> None:
    async with opened(protocol) as (stage, api), stage.account(name="other") as other:
        await other.wait_ready()
        assert await say(other.api, "bridge:t1", "hello") == "you said hello"
        assert [each.text for each in api.cached("bridge:t1")] == ["you said hello"]
        async with api.sessions.subscribe("bridge:t1"):
            await say(other.api, "bridge:t1", "again")
        assert [each.text.strip() for each in api.cached("bridge:t1")] == ["you said hello", "again", "you said again"]
        await api.history("bridge:t1")
        said = [each.text.strip() for each in api.cached("bridge:t1")]
        assert said == ["hello", "you said hello", "again", "you said again"]
        assert all(each.id for each in api.cached("bridge:t1"))
        assert api.cache_info().messages == 4
        api.clear_cache("bridge:t1")
        assert api.cache_info().messages == 0


@both
async def test_what_was_said_while_we_were_away_is_recovered(autojump_clock: object, protocol: Protocol) -> None:
    async with opened(protocol) as (stage, api), stage.account(name="other") as other:
        await other.wait_ready()
        await say(api, "main", "before")
        assert [each.text for each in (await api.recover()).messages] == ["before"]
        async with api.events("gap") as gaps:
            stage.gateway.connections[0].drop()
            await say(other.api, "main", "meanwhile")
            await anext(gaps)
        missed = await api.recover("main")
        assert [each.text.strip() for each in missed.messages] == ["meanwhile", "you said meanwhile"]
        assert missed.complete
        assert (await api.recover()).messages == ()
        stage.gateway.script("chat.history", Refuses(Refusal("UNAVAILABLE", "no history today")))
        with pytest.raises(RequestFailed, match="no history today"):
            await api.recover()


# When things go wrong


async def test_a_question_is_asked_again_and_a_change_is_not(autojump_clock: object) -> None:
    async with opened(4) as (stage, api):
        for method in ("sessions.list", "sessions.create"):
            stage.gateway.script(method, Closes(done=True))
        assert await api.sessions.list()
        assert len(stage.gateway.asked_for("sessions.list")) == 2
        with pytest.raises(OutcomeUnknown):
            await api.sessions.create("bridge:t1")
        assert len(stage.gateway.asked_for("sessions.create")) == 1


async def test_without_a_connection_nothing_is_sent(autojump_clock: object) -> None:
    async with opened(4) as (stage, api):
        await stage.gateway.stop(killed=True)
        await trio.sleep(1)
        for call in (api.history, api.sessions.list, api.approvals.list, api.agents, api.abort):
            with pytest.raises(NotSent):
                await call()
        with pytest.raises(NotSent):
            await api.compaction.list("main")
        with pytest.raises(NotSent):
            async with api.approvals.watch():
                raise AssertionError("nobody can look")  # pragma: no cover


async def test_a_scope_that_is_missing_is_named(autojump_clock: object) -> None:
    for protocol in (3, 4):
        async with opened(protocol, scopes=("operator.read",)) as (_, api):
            for call in (api.sessions.delete("x"), api.approvals.list(), api.inject("x", "y")):
                with pytest.raises(RequestFailed, match=r"missing scope: operator\.(admin|approvals)"):
                    await call


async def test_a_method_that_an_older_gateway_lacks(autojump_clock: object) -> None:
    async with opened(3) as (stage, api):
        for _ in range(2):
            assert await api.request_or([], "sessions.branches.list", {"sessionKey": "main"}) == []
        assert len(stage.gateway.asked_for("sessions.branches.list")) == 1
        assert await api.request_or([], "agents.list", {}) != []
    async with opened(3, scopes=("operator.read",)) as (stage, api):
        for _ in range(2):
            with pytest.raises(RequestFailed, match="missing scope"):
                await api.request_or([], "no.such.method")
        assert len(stage.gateway.asked_for("no.such.method")) == 2


# How it stands


@both
async def test_how_a_connection_stands(autojump_clock: object, protocol: Protocol) -> None:
    async with opened(protocol, session_key="mine") as (stage, api):
        info = api.info()
        assert (info.state, info.connected, info.protocol, info.attempts) == ("ready", True, protocol, 0)
        assert info.server_version == api.hello.server_version if api.hello else False
        assert info.connection_id
        assert info.scopes == tuple(sorted(EVERYTHING))
        assert (info.missing_scopes, info.session_key, info.tick_interval) == ((), "mine", 30)
        assert len(info.device_id) == 64
        assert (info.pending_calls, info.runs, info.event_streams, info.last_error) == (0, 0, 0, None)
        assert info.connected_at == EPOCH
        stage.gateway.script("models.list", Late(5))
        async with trio.open_nursery() as nursery, api.events():
            nursery.start_soon(api.models)
            await trio.sleep(1)
            assert (api.info().pending_calls, api.info().event_streams) == (1, 1)
        later = api.info()
        assert later.last_message_at is not None
        assert later.last_message_at >= EPOCH + 5


async def test_how_it_stands_without_a_gateway(autojump_clock: object) -> None:
    async with opened(4) as (stage, api):
        await stage.gateway.stop(killed=True)
        await trio.sleep(100)
        gone = api.info()
        assert (gone.state, gone.connected, gone.protocol, gone.server_version, gone.scopes) == (
            "connecting",
            False,
            0,
            "",
            (),
        )
        assert gone.attempts > 2
        assert gone.last_error is not None
        assert (gone.connected_at, gone.tick_interval) == (EPOCH, None)
        await stage.gateway.start()
        await trio.sleep(60)
        back = api.info()
        assert (back.state, back.attempts) == ("ready", 0)
        assert back.connected_at is not None
        assert back.connected_at > EPOCH + 100
        assert back.last_error is not None, "what ended the connection before is still told"


async def test_why_the_last_connection_ended(autojump_clock: object) -> None:
    async with opened(4) as (stage, api):
        stage.gateway.drop_connections(1012, "service restart")
        await trio.sleep(60)
        info = api.info()
        assert info.state == "ready"
        assert "1012 service restart" in str(info.last_error)


@both
async def test_how_it_stands_while_somebody_must_approve(autojump_clock: object, protocol: Protocol) -> None:
    async with simulated(protocol=protocol) as stage:
        with stage.gateway.remote():
            async with stage.account() as account:
                await trio.sleep(5)
                info = account.api.info()
                assert info.state == "pairing"
                (request_id,) = stage.gateway.devices.pending
                assert info.pairing is not None
                assert (info.pairing.request_id, info.pairing.reason) == (request_id, "not-paired")
                assert info.pairing.command == f"openclaw devices approve {request_id}"


async def test_how_it_stands_where_we_are_refused(autojump_clock: object) -> None:
    async with simulated() as stage, stage.account(token="another") as account:
        await trio.sleep(5)
        assert account.state is AccountState.QUARANTINED
        info = account.api.info()
        assert info.state == "refused"
        assert isinstance(info.last_error, AccountRefused)
        assert "another" not in repr(info)


async def test_a_gateway_that_speaks_nonsense_is_told_apart(autojump_clock: object) -> None:
    async with opened(4) as (stage, api):
        asked = len(stage.gateway.asked)
        stage.gateway.script("agents.list", Says("nonsense"))
        with pytest.raises(OutcomeUnknown), trio.fail_after(100):
            await api.agents()
        assert len(stage.gateway.asked) > asked

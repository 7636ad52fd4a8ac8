"""Sessions, checkpoints, approvals and events of real gateways, as typed calls have them."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import trio

import trio_bridge as tb
from tests.interop.openclaw.fake_model import FakeModel
from tests.interop.openclaw.operators import open_operator
from tests.interop.openclaw.real_gateway import RealGateway
from trio_bridge.errors import RequestFailed

pytestmark = pytest.mark.interop

MAIN = "agent:main:main"
REVIEWER_CAPS = ("approvals", "exec-approvals", "plugin-approvals")


async def test_a_session_from_its_making_to_its_end(gateway: RealGateway, model: FakeModel) -> None:
    async with open_operator(gateway) as account:
        sessions, key = account.api.sessions, "agent:main:Life"
        made = await sessions.create(key, label="life")
        assert made.key == "agent:main:life"
        async with account.api.chat(key, "#life echo") as run:
            await run.finish()
        assert (await sessions.patch(key, label="lived")).label == "lived"
        (listed,) = [each for each in (await sessions.list()).sessions if each.key == made.key]
        assert listed.label == "lived"
        assert (await sessions.describe(key)).key == made.key
        assert await sessions.resolve(key) == made.key
        (preview,) = await sessions.preview(key, limit=10)
        assert [item.role for item in preview.items] == ["user", "assistant"]
        await sessions.reset(key)
        assert [row for row in (await account.api.history(key)).messages if row.role != "system"] == []
        assert (await sessions.delete(key)).deleted
        assert not (await sessions.delete(key)).deleted
        with pytest.raises(RequestFailed, match="No session found"):
            await sessions.resolve(key)


async def test_the_main_session_is_not_deleted(gateway: RealGateway) -> None:
    async with open_operator(gateway) as account:
        with pytest.raises(RequestFailed, match="main session"):
            await account.api.sessions.delete(MAIN)
        with pytest.raises(RequestFailed, match="Cannot delete the main session"):
            await account.api.request("sessions.delete", {"key": MAIN})


async def test_checkpoints_are_what_older_gateways_have(gateway: RealGateway, model: FakeModel) -> None:
    async with open_operator(gateway) as account:
        key = "agent:main:compact"
        async with account.api.chat(key, "#compact echo") as run:
            await run.finish()
        older = gateway.protocol == 3
        assert account.api.supports("sessions.compaction.list") is older
        if older:
            assert await account.api.compaction.list(key) == ()
        missing = "checkpoint not found" if older else r"has no sessions\.compaction"
        for call in (account.api.compaction.get, account.api.compaction.restore):
            with pytest.raises(RequestFailed, match=missing):
                await call(key, "nowhere")
        if not older:
            (branch,) = await account.api.sessions.branches(key)
            assert branch.active


async def counts(reviewer: tb.Account, approval_id: str) -> bool:
    """Whether another decision is taken. Newer gateways say that it came too late; older ones refuse it."""
    try:
        return (await reviewer.api.approvals.resolve(approval_id, "allow-always")).applied
    except RequestFailed as failure:
        return bool(failure.details["reason"] != "APPROVAL_ALREADY_RESOLVED")


async def test_an_approval_is_seen_and_decided(gateway: RealGateway) -> None:
    decisions: dict[str, Any] = {}

    async def need(decision: str) -> None:
        asked = {
            "id": f"appr-{decision}-{uuid.uuid4().hex[:8]}",
            "command": "echo hi",
            "commandArgv": ["echo", "hi"],
            "cwd": "/",
            "host": "gateway",
            "sessionKey": MAIN,
            "timeoutMs": 20_000,
        }
        answer = await requester.api.request("exec.approval.request", asked, answer_within=30)
        decisions[decision] = answer["decision"]

    async with (
        open_operator(gateway, name="requester", caps=REVIEWER_CAPS) as requester,
        open_operator(gateway, name="reviewer", caps=REVIEWER_CAPS) as reviewer,
        reviewer.api.approvals.watch() as changes,
    ):
        for decision in ("allow-once", "deny"):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(need, decision)
                requested = await anext(changes)
                (waiting,) = await reviewer.api.approvals.list()
                assert (requested.kind, requested.approval.id) == ("requested", waiting.id)
                assert (await reviewer.api.approvals.get(waiting.id)).text == "echo hi"
                await reviewer.api.approvals.resolve(waiting, decision)
            resolved = await anext(changes)
            assert (resolved.kind, resolved.approval.id) == ("resolved", waiting.id)
            assert not await counts(reviewer, waiting.id)
    assert decisions == {"allow-once": "allow-once", "deny": "deny"}


async def test_everybody_hears_of_every_run(gateway: RealGateway, model: FakeModel) -> None:
    async with (
        open_operator(gateway, name="asks") as asking,
        open_operator(gateway, name="hears") as hearing,
        hearing.api.events("chat", "gap") as events,
    ):
        async with asking.api.chat("agent:main:heard", "#heard count 10", key="heard-1") as run:
            await run.finish()
        async for event in events:
            assert event.name == "chat"
            assert (event.payload["runId"], event.payload["sessionKey"]) == ("heard-1", "agent:main:heard")
            if event.payload["state"] == "final":
                break


async def test_what_was_said_meanwhile_is_recovered(gateway: RealGateway, model: FakeModel) -> None:
    key = "agent:main:recovered"
    async with open_operator(gateway) as account:
        async with account.api.chat(key, "#meanwhile echo") as run:
            await run.finish()
    async with open_operator(gateway) as account:
        texts: list[str] = []
        while len(texts) < 2:  # it is written a little later
            texts += [message.text for message in (await account.api.recover(key)).messages]
        assert texts == ["#meanwhile echo", "answer to meanwhile"]
        assert (await account.api.recover(key)).messages == ()
        assert [message.text for message in account.api.cached(key)] == texts


async def test_the_gateway_itself(gateway: RealGateway) -> None:
    async with open_operator(gateway) as account:
        assert [agent.id for agent in await account.api.agents()] == ["main"]
        assert "fake-1" in [model.id.removeprefix("fake/") for model in await account.api.models()]
        identity = await account.api.identity()
        async with open_operator(gateway, name="other") as other:
            assert await other.api.identity() == identity
        info = account.api.info()
        assert (info.state, info.protocol, info.pending_calls) == ("ready", gateway.protocol, 0)

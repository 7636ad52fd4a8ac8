"""What real gateways answer to typed calls, as values."""

from __future__ import annotations

import uuid

import pytest
import trio

from tests.interop.openclaw.fake_model import FakeModel
from tests.interop.openclaw.operators import open_operator
from tests.interop.openclaw.real_gateway import RealGateway
from trio_bridge.errors import RequestFailed

pytestmark = pytest.mark.interop

CAPS = ("approvals", "exec-approvals", "plugin-approvals")


async def test_what_a_gateway_has(gateway: RealGateway) -> None:
    async with open_operator(gateway) as account:
        api = account.api
        (agent,) = await api.agents()
        assert (agent.id, agent.model, agent.default) == ("main", "fake/fake-1", True)
        (model,) = [each for each in await api.models() if each.provider == "fake"]
        assert (model.id, model.context_window) == ("fake-1", 128_000)
        assert len((await api.identity()).device_id) == 64
        assert (await api.health())["ok"] is True
        assert await api.status()
        skills = await api.skills.status()
        assert len(skills) > 5
        try:
            assert len(await api.skills.search("notes", limit=3)) <= 3
        except RequestFailed as away:  # the registry is in the internet
            assert away.code == "UNAVAILABLE"  # noqa: PT017 - either is right
        info = api.info()
        assert (info.state, info.protocol, info.missing_scopes) == ("ready", gateway.protocol, ())
        assert info.tick_interval == 30


async def test_what_is_said_is_remembered_once(gateway: RealGateway, model: FakeModel) -> None:
    async with open_operator(gateway) as account, open_operator(gateway, name="other") as other:
        api, key = account.api, f"agent:main:{uuid.uuid4().hex}"
        async with other.api.chat(key, "#one echo") as run:
            first = await run.finish()
        await trio.sleep(1)
        assert [each.text for each in api.cached(key)] == [first]
        async with api.sessions.subscribe(key):
            async with other.api.chat(key, "#two echo") as run:
                await run.finish()
            await trio.sleep(2)
        heard = api.cached(key)
        assert [each.role for each in heard] == ["assistant", "user", "assistant"]
        found = await api.recover(key)
        assert [each.role for each in found.messages] == ["user"]
        assert found.complete
        assert [each.role for each in api.cached(key)] == ["user", "assistant"] * 2
        assert all(each.id for each in api.cached(key))
        assert (await api.recover(key)).messages == ()
        note = await api.inject(key, "a note", label="bridge")
        assert (await api.history(key)).messages[-1].id == note
        assert not (await api.abort(key)).aborted


async def test_approvals_as_they_happen(gateway: RealGateway) -> None:
    async with open_operator(gateway, caps=CAPS) as account, open_operator(gateway, name="tool", caps=CAPS) as tool:

        async def need(kind: str, within: float) -> None:
            about = {"command": "echo hi", "host": "gateway", "sessionKey": "agent:main:main"}
            if kind == "plugin":
                about = {"title": "do it", "description": "now"}
            wanted = {**about, "timeoutMs": int(within * 1000)}
            await tool.api.request(f"{kind}.approval.request", wanted, answer_within=60)

        async with account.api.approvals.watch() as changes, trio.open_nursery() as nursery:
            nursery.start_soon(need, "exec", 30)
            change = await anext(changes)
            assert (change.kind, change.approval.kind, change.approval.text) == ("requested", "exec", "echo hi")
            found = await account.api.approvals.get(change.approval.id)
            assert found.text == "echo hi"
            assert change.approval.id in [each.id for each in await account.api.approvals.list()]
            assert (await account.api.approvals.resolve(change.approval, "deny")).applied
            change = await anext(changes)
            assert (change.kind, change.approval.decision, change.approval.status) == ("resolved", "deny", "denied")
            nursery.start_soon(need, "plugin", 30)
            change = await anext(changes)
            assert (change.kind, change.approval.kind, change.approval.text) == ("requested", "plugin", "do it")
            await account.api.approvals.resolve(change.approval, "allow-once")
            assert (await anext(changes)).approval.status == "allowed"
            nursery.start_soon(need, "exec", 2)
            assert (await anext(changes)).kind == "requested"
            with trio.fail_after(5):
                assert (await anext(changes)).kind == "expired"

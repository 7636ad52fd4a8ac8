"""How the SDKs come in, are turned away, lose their connection and come again."""

from __future__ import annotations

import json
import re
from contextlib import AsyncExitStack

import pytest

from tests.interop.recorded import open_call
from tests.interop.stage import APP, SECRET, Stage, open_stage
from trio_bridge.platforms.dingtalk.gateway.model import Rules
from trio_bridge.platforms.dingtalk.gateway.rest import OPEN
from trio_bridge.testing._dingtalk_connection import SimulatedConnection
from trio_bridge.testing._dingtalk_server import SOCKET_PATH
from trio_bridge.testing._peer import How

pytestmark = pytest.mark.interop

ROLES = [
    *(("python", handlers) for handlers in ("full", "robot_only", "base_handlers", "none")),
    *(("node", handlers) for handlers in ("full", "robot_only", "none")),
]

CHANGES = re.compile(
    r"""
    (?<=\ Python/)[\d.]+ | (?<=^Python/)[\d.]+ | (?<=\ websockets/)[\d.]+ | (?<=axios/)[\d.]+
    | (?<="localIp":\ ")[\d.]* | (?<=ticket=)\S+
    """,
    re.VERBOSE,
)
"""What differs from one machine or day to the next."""
CHANGING_HEADERS = ("Host", "Content-Length", "Sec-WebSocket-Key")


def steady(headers: list[list[str]] | tuple[tuple[str, str], ...]) -> list[tuple[str, str]]:
    return [(name, "…" if name in CHANGING_HEADERS else CHANGES.sub("…", value)) for name, value in headers]


@pytest.mark.parametrize(("sdk", "handlers"), ROLES)
async def test_the_open_call_is_what_it_was_when_recorded(sdk: str, handlers: str) -> None:
    then = open_call(sdk, handlers, "open")
    async with open_stage() as stage, stage.bot(sdk, handlers):
        await stage.connected()
        (call,) = stage.tap.requests(OPEN)
        (opened,) = stage.dingtalk.open_calls
    assert call.line == f"{then['method']} {then['path']} HTTP/1.1"
    assert steady(call.headers) == steady(then["headers"])
    assert CHANGES.sub("…", call.body) == CHANGES.sub("…", then["body"])
    assert (opened.status, opened.client_id, opened.body) == (200, APP, json.loads(call.body))


@pytest.mark.parametrize("sdk", ["python", "node"])
async def test_the_upgrade_is_what_it_was_when_recorded(sdk: str) -> None:
    then = open_call(sdk, "full", "upgrade")
    async with open_stage() as stage, stage.bot(sdk):
        await stage.connected()
        (upgrade,) = stage.tap.requests(SOCKET_PATH)
    assert CHANGES.sub("…", upgrade.line) == f"{then['method']} {then['path']} HTTP/1.1".replace("{TICKET}", "…")
    assert steady(upgrade.headers) == steady(then["headers"])


@pytest.mark.parametrize("sdk", ["python", "node"])
async def test_a_wrong_secret_is_refused_until_it_is_the_right_one(sdk: str) -> None:
    async with open_stage() as stage, stage.bot(sdk, secret="wrong") as bot:
        said = await bot.wait_said("log", lambda text: "authFailed" in text)
        assert "401" in said
        assert not stage.dingtalk.opened
        stage.dingtalk.add_app(APP, "wrong")
        await stage.connected()
        *refused, let_in = stage.dingtalk.open_calls
    assert {call.status for call in refused} == {401}
    assert let_in.status == 200


async def answered(stage: Stage, connection: SimulatedConnection) -> None:
    """The connection is good: what is said arrives there, and is acknowledged."""
    pushed = await stage.dingtalk.say("hello")
    await stage.dingtalk.wait_acked(pushed)
    assert [delivery.connection for delivery in stage.dingtalk.ledger.record(pushed).deliveries] == [connection.id]


@pytest.mark.parametrize("sdk", ["python", "node"])
@pytest.mark.parametrize("how", ["close", "fin", "rst"])
async def test_a_lost_connection_is_replaced(sdk: str, how: How) -> None:
    async with open_stage() as stage, stage.bot(sdk):
        first = await stage.connected()
        await answered(stage, first)
        first.drop(how)
        second = await stage.connected()
        await answered(stage, second)
        assert not first.live
        assert stage.dingtalk.ledger.faults == []


async def test_the_python_sdk_leaves_a_connection_at_once_when_told_that_it_will_end() -> None:
    async with open_stage() as stage, stage.bot("python"):
        first = await stage.connected()
        first.disconnect()
        second = await stage.connected()
        await answered(stage, second)
        assert (first.live, first.closed_by_client) == (False, 1000)
        assert stage.dingtalk.ledger.faults == []


async def test_the_node_sdk_waits_until_the_connection_is_dropped() -> None:
    """Nothing is pushed on it meanwhile: what is said then comes by redelivery."""
    rules = Rules(leave_grace=2.0, redeliver_after=1.0, keep_offline=True)
    async with open_stage(rules=rules) as stage, stage.bot("node"):
        first = await stage.connected()
        first.disconnect()
        pushed = await stage.dingtalk.say("hello")
        assert first.live
        assert stage.dingtalk.ledger.record(pushed).deliveries == ()
        second = await stage.connected()
        await stage.dingtalk.wait_acked(pushed)
        assert {each.connection for each in stage.dingtalk.ledger.record(pushed).deliveries} == {second.id}
        assert stage.dingtalk.ledger.faults == []


async def test_an_answer_on_a_later_connection_is_a_fault() -> None:
    """The Python SDK writes to whichever connection is open when its handler is done."""
    async with open_stage(rules=Rules(redeliver_after=None)) as stage, stage.bot("python") as bot:
        first = await stage.connected()
        held = await stage.dingtalk.say("bot: hold")
        await bot.wait_said("got")
        first.drop("close")
        second = await stage.connected()
        await stage.dingtalk.say("bot: release")
        await stage.dingtalk.wait_until(lambda: bool(stage.dingtalk.ledger.faults))
        (fault,) = stage.dingtalk.ledger.faults
        assert (fault.kind, fault.connection) == ("ack_on_wrong_connection", second.id)
        assert not stage.dingtalk.ledger.record(held).settled


async def test_a_half_open_connection_is_left_and_a_quiet_one_is_kept() -> None:
    """Both SDKs ping, and get an answer where anybody is left to give one. The Python SDK takes a minute to be sure."""
    async with open_stage(limit=180) as stage, AsyncExitStack() as bots:
        for sdk in ("python", "node"):
            for app in (f"{sdk}-cut-off", f"{sdk}-quiet"):
                stage.dingtalk.add_app(app, SECRET)
                await bots.enter_async_context(stage.bot(sdk, app=app))
        before = {connection.client_id: connection for connection in [await stage.connected() for _ in range(4)]}
        with stage.dingtalk.deaf(client_id="python-cut-off"), stage.dingtalk.deaf(client_id="node-cut-off"):
            after = [await stage.connected() for _ in range(2)]
        assert {connection.client_id for connection in after} == {"python-cut-off", "node-cut-off"}
        assert before["python-quiet"].live
        assert before["node-quiet"].live
        assert stage.dingtalk.ledger.faults == []

"""The examples of the page about OpenClaw do what it says, on a simulated gateway."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from shutil import copy
from typing import Any

import pytest
import trio
from trio.testing import MockClock

import trio_bridge
from tests.docs.conftest import DOCS, Import
from tests.docs.real import SECRET
from trio_bridge.engine.account import Account
from trio_bridge.platforms.openclaw.gateway.methods import Refusal
from trio_bridge.runner.loading import load_config
from trio_bridge.testing.openclaw import Lost, OpenClawSimulator, Pause, Refuses, Say
from trio_bridge.transport.memory import MemoryNetwork

EVERYTHING = tuple(f"operator.{right}" for right in ("read", "write", "admin", "approvals", "pairing"))
CAPS = ("exec-approvals",)

Shown = pytest.CaptureFixture[str]


@asynccontextmanager
async def open_gateway() -> AsyncGenerator[OpenClawSimulator]:
    """A gateway where one is by default."""
    simulator = OpenClawSimulator(
        network=MemoryNetwork(), wall=lambda: 1_790_000_000.0 + trio.current_time(), port=18789, token=SECRET, seed=1
    )
    with trio.fail_after(5000):
        async with simulator as gateway:
            yield gateway


@asynccontextmanager
async def opened(name: str = "ours") -> AsyncGenerator[tuple[OpenClawSimulator, Account]]:
    """And an operator who may do everything on it."""
    async with open_gateway() as gateway, gateway.open_account(name=name, scopes=EVERYTHING, caps=CAPS) as account:
        yield gateway, account


async def test_an_agent_is_asked(
    autojump_clock: MockClock, example: Import, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    monkeypatch.setenv("OPENCLAW_TOKEN", SECRET)
    async with open_gateway() as gateway:
        in_memory = partial(trio_bridge.open_account, environment=gateway.environment)
        monkeypatch.setattr(trio_bridge, "open_account", lambda config, store: in_memory(config))
        await example("gateway/asking.py").main()
    assert capsys.readouterr().out.splitlines() == ["connected to 2026.9.6", "you said What is new?"]


async def test_a_ticket_is_answered_once(autojump_clock: MockClock, example: Import) -> None:
    answer = example("gateway/tickets.py").answer
    async with opened() as (gateway, account):
        gateway.agent = lambda question: [Say("we"), Pause(20), Say(" shall see")]
        with trio.move_on_after(10):  # this program is killed
            await answer(account, 7, "It is broken", again=False)
        await gateway.restart(down=5)
        assert await answer(account, 7, "It is broken", again=True) == "we shall see"
        assert await answer(account, 7, "It is broken", again=True) == "we shall see"
        assert {asked.params["idempotencyKey"] for asked in gateway.asked_for("chat.send")} == {"ticket-7"}
        history = await account.api.history("ticket:7")
        assert [message.text for message in history.messages if message.role == "user"] == ["It is broken"]


async def test_each_end_of_a_request_means_something_else(autojump_clock: MockClock, example: Import) -> None:
    rename = example("gateway/renaming.py").rename
    async with opened() as (gateway, account):
        await account.api.sessions.create("bridge:x")
        assert await rename(account, "agent:main:bridge:x", "Sales") == "done"
        no = Refusal("FORBIDDEN", "no", details={"missingScope": "operator.admin"})
        gateway.script("sessions.patch", Refuses(no))
        answer = await rename(account, "agent:main:bridge:x", "Sales")
        assert answer == "the gateway says no: FORBIDDEN {'missingScope': 'operator.admin'}"
        gateway.script("sessions.patch", Refuses(Refusal("UNAVAILABLE", "full", retryable=True, retry_after_ms=2000)))
        assert await rename(account, "agent:main:bridge:x", "Sales") == "not now, perhaps in 2.0 s"
        gateway.script("sessions.patch", Lost())
        assert await rename(account, "agent:main:bridge:x", "Sales") == "nobody knows: look before doing it again"
        await gateway.stop()
        await trio.sleep(1)
        assert await rename(account, "agent:main:bridge:x", "Sales") == "nothing was sent: all is as it was"


async def test_a_session_is_followed_through_a_gap(autojump_clock: MockClock, example: Import, capsys: Shown) -> None:
    async with opened() as (gateway, account), gateway.open_account(name="other") as other, trio.open_nursery() as them:

        async def say(text: str) -> None:
            async with other.api.chat("main", text) as run:
                await run.finish()
            await trio.sleep(2)

        them.start_soon(example("gateway/following.py").follow, account, "agent:main:main")
        await trio.sleep(1)
        await say("one")
        ours, _ = gateway.connections
        with gateway.refusing_upgrades(503):
            ours.drop()
            await say("two")
        await trio.sleep(60)
        await say("three")
        them.cancel_scope.cancel()
    assert capsys.readouterr().out.splitlines() == [
        line for text in ("one", "two", "three") for line in (f"user: {text}", f"assistant: you said {text}")
    ]


async def test_commands_are_reviewed(autojump_clock: MockClock, example: Import, capsys: Shown) -> None:
    decided: dict[str, str] = {}
    async with opened("tool") as (gateway, tool), gateway.open_account(scopes=EVERYTHING, caps=CAPS) as account:

        async def need(command: str) -> None:
            asked = {"command": command, "host": "gateway", "sessionKey": "main", "timeoutMs": 20_000}
            decided[command] = (await tool.api.request("exec.approval.request", asked))["decision"]

        async with trio.open_nursery() as nursery:
            reviewing = trio.CancelScope()
            nursery.start_soon(_within, reviewing, example("gateway/reviewing.py").review, account)
            await trio.sleep(1)
            for command in ("date", "rm -r /"):
                await need(command)
            await trio.sleep(1)
            reviewing.cancel()
    assert decided == {"date": "allow-once", "rm -r /": "deny"}
    assert capsys.readouterr().out.splitlines() == [
        "requested date pending",
        "resolved date allowed",
        "requested rm -r / pending",
        "resolved rm -r / denied",
    ]


async def _within(scope: trio.CancelScope, run: Any, *args: Any) -> None:
    with scope:
        await run(*args)


async def test_one_device_is_let_in(autojump_clock: MockClock, example: Import) -> None:
    let_in = example("gateway/letting_in.py").let_in
    async with opened() as (gateway, account):
        with gateway.remote():
            async with trio_bridge.open_account(gateway.config("far"), environment=gateway.environment) as far:
                await trio.sleep(5)
                assert not await let_in(account, "somebody else")
                assert await let_in(account, far.api.info().device_id)
                await trio.sleep(20)
                await far.wait_ready()


async def test_events_are_delivered(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Shown
) -> None:
    monkeypatch.setenv("OPENCLAW_TOKEN", SECRET)
    for name in ("events.toml", "noting.py"):
        copy(DOCS / "examples" / "gateway" / name, tmp_path)
    config = load_config(tmp_path / "events.toml")
    async with opened() as (gateway, account):
        agent: Any = config.build_agent()
        async with trio_bridge.open_bridge(config.accounts, agent, environment=gateway.environment) as bridge:
            await bridge.account("gateway").wait_ready()
            async with account.api.chat("main", "hello") as run:
                await run.finish()
            asked: Mapping[str, Any] = {"command": "ls", "host": "gateway", "timeoutMs": 1000}
            await account.api.request("exec.approval.request", asked)
            await trio.sleep(1)
    assert capsys.readouterr().out.splitlines() == [
        "chat agent:main:main you said hello",
        "exec.approval.requested exec.approval.requested ",
    ]

"""A check of a configuration whose agent asks a gateway: it comes as the bridge, and leaves nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from trio_bridge import AccountRefused
from trio_bridge.agents import OpenClawRoute
from trio_bridge.agents.config import OpenClawConfig
from trio_bridge.agents.protocol import open_agent
from trio_bridge.engine.findings import Finding
from trio_bridge.runner.loading import RunnerConfig
from trio_bridge.runner.preflight import Preflight
from trio_bridge.stores.sqlite import inline, open_sqlite
from trio_bridge.testing.openclaw import OpenClawSimulator
from trio_bridge.transport.memory import MemoryNetwork


@pytest.fixture
async def gateway(network: MemoryNetwork) -> AsyncIterator[OpenClawSimulator]:
    with trio.fail_after(100_000):
        async with OpenClawSimulator(network=network, seed=2, wall=lambda: 1.79e9 + trio.current_time()) as simulator:
            simulator.rooms.sessions.agents.append("ops")
            yield simulator


def agent_of(gateway: OpenClawSimulator, agent_id: str = "ops", **options: Any) -> OpenClawConfig:
    routes = [OpenClawRoute(peer_kind="group", agent_id=agent_id)]
    return OpenClawConfig(**{"url": gateway.url, "token": gateway.token, "routes": routes, **options})


async def found(gateway: OpenClawSimulator, agent: OpenClawConfig, store: Path) -> dict[str, Finding]:
    """What is found of the agent, by the name of what was looked at."""
    table = ("agent",)
    config = RunnerConfig(file=Path("bridge.toml"), accounts=(), agents={table: agent}, store=f"sqlite:{store}")
    subjects = await Preflight(config, {table: agent}, gateway.environment, executor=inline).run()
    [subject] = [each for each in subjects if each.kind == "agent"]
    return {finding.check: finding for finding in subject.findings[:-1]}


async def serve(gateway: OpenClawSimulator, agent: OpenClawConfig, file: Path) -> None:
    """A bridge with this agent was let in once."""
    async with open_sqlite(file, executor=inline) as store:
        environment = attrs.evolve(gateway.environment, store=store)
        async with open_agent(agent, environment):
            await gateway.wait_until(lambda: gateway.opened)
            await trio.sleep(1)


async def test_before_the_first_start_no_device_is_made_for_a_trial(
    autojump_clock: MockClock, gateway: OpenClawSimulator, tmp_path: Path
) -> None:
    findings = await found(gateway, agent_of(gateway), tmp_path / "bridge.db")
    assert {name: finding.verdict for name, finding in findings.items()} == {
        "login": "ok",
        "scopes": "ok",
        "device": "ok",
        "agent": "ok",
    }
    assert findings["agent"].text == "its agents are looked for once there is a key"
    assert not gateway.devices.paired


@pytest.mark.parametrize("in_file", [True, False], ids=["key file", "store"])
async def test_afterwards_it_comes_as_the_bridge_and_looks_for_the_agents(
    in_file: bool, autojump_clock: MockClock, gateway: OpenClawSimulator, tmp_path: Path
) -> None:
    key = {"device_key_file": tmp_path / "device.key"} if in_file else {}
    agent = agent_of(gateway, **key)
    await serve(gateway, agent, tmp_path / "bridge.db")
    with gateway.remote():
        findings = await found(gateway, agent, tmp_path / "bridge.db")
        assert findings["agent"].text == "answers; OpenClaw 2026.9.6, protocol 4; its agents: ops"
        findings = await found(gateway, agent_of(gateway, "boss", **key), tmp_path / "bridge.db")
        assert findings["agent"].verdict == "failed"
        assert findings["agent"].text.startswith("the gateway has no agent 'boss'")
    assert len(gateway.devices.paired) == 1


async def test_what_keeps_the_bridge_out_is_found_once_and_the_agents_are_not_asked_for(
    autojump_clock: MockClock, gateway: OpenClawSimulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    findings = await found(gateway, agent_of(gateway, token="wrong"), tmp_path / "bridge.db")
    assert [(name, finding.verdict) for name, finding in findings.items()] == [("login", "failed")]
    assert not caplog.records
    with pytest.raises(AccountRefused):
        await agent_of(gateway, token="wrong").probe(gateway.environment)


async def test_over_http_there_is_no_device_to_look_for(
    autojump_clock: MockClock, gateway: OpenClawSimulator, tmp_path: Path
) -> None:
    findings = await found(gateway, agent_of(gateway, over="http"), tmp_path / "bridge.db")
    assert [(name, finding.text) for name, finding in findings.items()] == [("agent", "answers; its agents: ops")]

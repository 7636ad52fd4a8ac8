"""A gateway before its first message: what can be configured, and what a probe finds out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from trio_bridge import AccountRefused, BridgeError, ConfigError, RequestFailed, Secret
from trio_bridge.agents import OpenClaw, OpenClawRoute
from trio_bridge.agents.apart import Apart
from trio_bridge.agents.config import AGENTS, OpenClawConfig
from trio_bridge.agents.openclaw.gateway import open_gateway
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.testing.openclaw import OpenClawSimulator
from trio_bridge.transport.memory import MemoryNetwork


@pytest.mark.parametrize(
    ("options", "complaints"),
    [
        ({"url": "ws://gateway.example"}, ["url: ws://gateway.example:80 is not encrypted, and"]),
        ({"url": "gateway:18789", "agent_id": "-"}, ["url: not a usable URL: expected one of", "agent_id: expected"]),
        ({"url": "wss://gateway.example/?token=hush"}, ["url: expected neither query nor credentials"]),
        ({"url": "wss://me:hush@gateway.example"}, ["url: expected neither query nor credentials"]),
        ({"scopes": ["operator.read"]}, ["scopes: expected operator.write among them"]),
        ({"token": " ", "password": ""}, ["token: expected a secret", "password: expected a secret"]),
        ({"commands": ["status", "/a b"]}, ["commands: expected names such as /status, or *", "commands: expected"]),
        ({"agent_id": "Ärger", "session_key": " "}, ["agent_id: expected letters", "session_key: expected 1 to 400"]),
    ],
)
def test_what_can_not_work_is_said_at_once(options: dict[str, Any], complaints: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        OpenClaw(**options)
    assert len(caught.value.problems) == len(complaints)
    for problem, complaint in zip(caught.value.problems, complaints, strict=True):
        assert problem.startswith(complaint)
        assert "hush" not in problem


def test_what_may_do_everything_may_ask() -> None:
    assert OpenClaw(scopes=["operator.admin"]).account.scopes == ("operator.admin",)
    assert OpenClaw(scopes=["operator.read"], over="http").over == "http"


@pytest.mark.parametrize(
    ("options", "complaint"),
    [({"agent_id": "ops"}, "expected account, platform"), ({"agent_id": "-", "account": "a"}, "agent_id: expected")],
)
def test_a_route_is_about_something_and_names_an_agent(options: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError, match=f"^{complaint}"):
        OpenClawRoute(**options)


@pytest.mark.parametrize(
    ("url", "websocket", "http"),
    [
        ("ws://127.0.0.1:18789", "ws://127.0.0.1:18789", "http://127.0.0.1:18789/v1"),
        ("http://127.0.0.1:18789/v1/", "ws://127.0.0.1:18789", "http://127.0.0.1:18789/v1"),
        ("https://gateway.example/claw/", "wss://gateway.example/claw", "https://gateway.example/claw/v1"),
        ("wss://gateway.example", "wss://gateway.example", "https://gateway.example/v1"),
    ],
)
def test_each_form_of_the_url_serves_both_ways(url: str, websocket: str, http: str) -> None:
    agent = OpenClaw(url=url)
    assert (agent.account.url, agent.http_url) == (websocket, http)


def test_what_is_said_of_the_connection_is_said_to_it(tmp_path: Path) -> None:
    said: dict[str, Any] = {
        "password": Secret.of("p"),
        "scopes": ("operator.write",),
        "device_key_file": tmp_path / "device.key",
        "ca_file": tmp_path / "ca.pem",
        "allow_insecure": True,
        "run_timeout": 5.0,
    }
    account = OpenClaw(url="ws://gateway.example:1/x", token="t", max_file_size=7, **said).account
    assert {name: getattr(account, name) for name in said} == said
    assert (account.token, account.max_attachment_bytes) == (Secret.of("t"), 7)
    assert account.name == "agent openclaw gateway.example:1/x"
    assert account.refused_probe <= 300


def test_nothing_secret_shows() -> None:
    agent = OpenClaw(token="hush", password="hush")
    assert "hush" not in repr(agent) + repr(agent.account)


def test_the_table_of_a_configuration_file_is_the_agent(tmp_path: Path) -> None:
    config = OpenClawConfig(token="t")
    assert AGENTS["openclaw"] is OpenClawConfig
    assert config.build(tmp_path) is config
    assert attrs.fields_dict(OpenClawConfig).keys() == attrs.fields_dict(OpenClaw).keys()


@pytest.mark.parametrize("over", ["websocket", "http"])
async def test_what_can_not_be_read_is_said_before_the_first_message(over: str, tmp_path: Path) -> None:
    config = OpenClawConfig(
        token=Secret(env="NO_SUCH_TOKEN"), password=Secret(file=tmp_path / "no"), ca_file=tmp_path / "ca.pem", over=over
    )
    expected = (
        "token: environment variable NO_SUCH_TOKEN is not set",
        f"password: secret file {tmp_path / 'no'}: No such file or directory",
        f"ca_file: {tmp_path / 'ca.pem'}: No such file or directory",
    )
    with pytest.raises(ConfigError) as caught:
        config.build(tmp_path)
    assert caught.value.problems == expected
    async with OpenClawSimulator() as gateway:
        with pytest.raises(ConfigError) as caught:
            async with config.open(gateway.environment):
                raise AssertionError("unreachable")
    assert caught.value.problems == expected


def test_what_signs_has_to_be_installed_unless_it_goes_over_http(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_bridge.agents.openclaw.agent.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'trio-bridge\[openclaw\]'"):
        OpenClawConfig().build(tmp_path)
    assert OpenClawConfig(over="http").build(tmp_path)


# One connection


@pytest.fixture(params=[4, 3], ids=["protocol 4", "protocol 3"])
async def gateway(network: MemoryNetwork, request: pytest.FixtureRequest) -> AsyncIterator[OpenClawSimulator]:
    with trio.fail_after(100_000):
        async with OpenClawSimulator(
            network=network, seed=2, protocol=request.param, wall=lambda: 1.79e9 + trio.current_time()
        ) as simulator:
            yield simulator


def agent_of(gateway: OpenClawSimulator, **options: Any) -> OpenClaw:
    return OpenClaw(**{"url": gateway.url, "token": gateway.token, **options})


async def test_a_gateway_that_is_opened_again_is_the_same_one_until_all_have_left(
    autojump_clock: MockClock, gateway: OpenClawSimulator
) -> None:
    config = agent_of(gateway).account
    here, elsewhere = (attrs.evolve(gateway.environment, store=MemoryStore()) for _ in range(2))
    for _ in range(2):
        async with open_gateway(config, here) as first:
            async with open_gateway(config, here) as second:
                assert second is first
            async with open_gateway(config, elsewhere) as other:
                assert other is not first
            with pytest.raises(ConfigError, match=r"describe the gateway at .* in two ways"):
                async with open_gateway(attrs.evolve(config, run_timeout=5), here):
                    raise AssertionError("unreachable")
            await first.wait_ready(30)


async def test_accounts_of_agents_have_a_place_of_their_own() -> None:
    store = MemoryStore()
    await store.open_account("a", platform="fake")
    kept = await Apart(store).open_account("a", platform="openclaw")
    await kept.save("scope", {"key": 1})
    await Apart(store).want("a", "stopped")
    assert {(record.name, record.wanted) for record in await store.accounts()} == {("a", None), (" a", "stopped")}
    assert [(record.name, record.platform) for record in await Apart(store).accounts()] == [("a", "openclaw")]
    assert await (await store.open_account("a", platform="fake")).load("scope") == {}
    await Apart(store).forget_account("a")
    assert [record.name for record in await store.accounts()] == ["a"]


# The probe


@pytest.mark.parametrize("over", ["websocket", "http"])
async def test_a_probe_logs_in_and_looks_for_the_agents(
    over: str, autojump_clock: MockClock, gateway: OpenClawSimulator
) -> None:
    gateway.rooms.sessions.agents.append("ops")
    found = await agent_of(gateway, over=over).probe(gateway.environment)
    assert found.startswith("answers")
    assert over == "http" or f"protocol {gateway.settings.protocol}" in found
    routes = [OpenClawRoute(account="a", agent_id="ops")]
    found = await agent_of(gateway, over=over, agent_id="main", routes=routes).probe(gateway.environment)
    assert found.endswith("; its agents: main, ops")
    with pytest.raises(RequestFailed, match="the gateway has no agent 'boss'; it has "):
        await agent_of(gateway, over=over, agent_id="boss").probe(gateway.environment)
    assert not gateway.questions


@pytest.mark.parametrize("over", ["websocket", "http"])
async def test_a_probe_says_what_is_wrong(over: str, autojump_clock: MockClock, gateway: OpenClawSimulator) -> None:
    with pytest.raises(AccountRefused) as refused:
        await agent_of(gateway, over=over, token="wrong").probe(gateway.environment)
    assert refused.value.kind == "auth"
    await gateway.stop(killed=True)
    with pytest.raises(BridgeError, match="refused"):
        await agent_of(gateway, over=over).probe(gateway.environment)


async def test_a_probe_names_the_device_that_is_to_be_approved(
    autojump_clock: MockClock, gateway: OpenClawSimulator, tmp_path: Path
) -> None:
    key = tmp_path / "device.key"
    with gateway.remote():
        with pytest.raises(AccountRefused, match="comes as a device of its own: with device_key_file"):
            await agent_of(gateway).probe(gateway.environment)
        with pytest.raises(AccountRefused) as refused:
            await agent_of(gateway, device_key_file=key).probe(gateway.environment)
        request = [*gateway.devices.pending.values()][-1]
        assert f"openclaw devices approve {request.id}" in str(refused.value)
        assert "device of its own" not in str(refused.value)
        await gateway.approve(request.id)
        assert (await agent_of(gateway, device_key_file=key).probe(gateway.environment)).startswith("answers")


async def test_a_probe_over_http_says_that_the_endpoint_is_off(
    autojump_clock: MockClock, gateway: OpenClawSimulator
) -> None:
    gateway.rooms.door.completions_enabled = False
    with pytest.raises(RequestFailed, match=r"set gateway\.http\.endpoints\.chatCompletions\.enabled"):
        await agent_of(gateway, over="http").probe(gateway.environment)

"""Everything that a configuration needs, tried side by side."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from tests.platforms.dingtalk.stage import Stage, simulated
from trio_bridge.agents.config import EchoConfig, PythonConfig
from trio_bridge.agents.echo import Echo
from trio_bridge.agents.protocol import Agent, OpenableAgent
from trio_bridge.config import Secret
from trio_bridge.engine.environment import Environment
from trio_bridge.engine.findings import Finding
from trio_bridge.engine.platform import PlatformConfig
from trio_bridge.errors import ConfigError, HandshakeFailed
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.dingtalk.codes import OPEN, TOKEN
from trio_bridge.platforms.dingtalk.config import DingTalk
from trio_bridge.runner.bindings import Binding
from trio_bridge.runner.loading import RunnerConfig
from trio_bridge.runner.preflight import Preflight, Subject
from trio_bridge.stores.sqlite import inline

AGENT = ("agent",)


def config_of(accounts: Iterable[PlatformConfig], **changes: Any) -> RunnerConfig:
    accounts = tuple(accounts)
    usual: dict[str, Any] = {
        "file": Path("bridge.toml"),
        "store": "memory:",
        "agents": {AGENT: EchoConfig()},
    }
    return RunnerConfig(accounts=accounts, **{**usual, **changes})


def preflight(
    stage: Stage, accounts: Iterable[PlatformConfig], agent: Agent | OpenableAgent | ConfigError | None = None
) -> Preflight:
    return Preflight(config_of(accounts), {AGENT: agent or Echo()}, stage.environment, executor=inline)


async def run(
    stage: Stage,
    *accounts: PlatformConfig,
    agent: Agent | OpenableAgent | ConfigError | None = None,
    limit: float = 120.0,
) -> dict[str, Subject]:
    """What was found, by name; nobody was connected meanwhile."""
    subjects = await preflight(stage, accounts, agent).run(limit)
    assert not stage.dingtalk.opened
    return {subject.name: subject for subject in subjects}


def verdicts(subjects: dict[str, Subject]) -> dict[str, str]:
    return {subject.name: subject.verdict for subject in subjects.values() if subject.kind == "account"}


async def test_everything_is_tried_in_its_order(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        subjects = await preflight(stage, [stage.dingtalk.config("sales"), stage.dingtalk.config("hr")]).run()
        url = stage.dingtalk.url
    assert [(subject.kind, subject.name, subject.platform, subject.verdict) for subject in subjects] == [
        ("store", "memory:", "", "ok"),
        ("agent", "agent", "", "ok"),
        ("host", url, "", "ok"),
        ("host", url.replace("http", "ws"), "", "ok"),
        ("account", "sales", "dingtalk", "ok"),
        ("account", "hr", "dingtalk", "ok"),
    ]


async def test_fifty_accounts_at_a_slow_gateway_take_the_time_of_one(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        accounts = [stage.dingtalk.config(f"account{number}") for number in range(50)]
        with stage.dingtalk.answering_late(4):
            begun = trio.current_time()
            subjects = await run(stage, *accounts)
            assert trio.current_time() - begun == 4 + 4  # the clock of the host, then both calls at once
    assert set(verdicts(subjects).values()) == {"ok"}
    assert stage.dingtalk.rest.calls[OPEN] == stage.dingtalk.rest.calls[TOKEN] == 50
    assert stage.dingtalk.rest.calls["/"] == 1


async def test_many_accounts_are_tried_a_hundred_at_a_time(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        accounts = [stage.dingtalk.config(f"account{number}") for number in range(250)]
        most = 0

        async def watch() -> None:
            nonlocal most
            while True:
                most = max(most, len(stage.network.connections))
                await trio.sleep(1)

        with stage.dingtalk.answering_late(4):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(watch)
                begun = trio.current_time()
                subjects = await run(stage, *accounts)
                assert trio.current_time() - begun == 4 + 3 * 4
                nursery.cancel_scope.cancel()
    assert len(verdicts(subjects)) == 250
    assert 190 <= most <= 200


async def test_one_black_hole_ends_with_its_own_line_and_costs_nobody_else(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        far = stage.dingtalk.config("far", endpoint="https://far.example")
        with stage.network.blackhole("far.example"):
            begun = trio.current_time()
            subjects = await run(stage, far, stage.dingtalk.config("sales"))
            assert trio.current_time() - begun == 10
    assert verdicts(subjects) == {"far": "failed", "sales": "ok"}
    [finding] = subjects["https://far.example"].findings
    assert (finding.check, finding.text) == ("tcp", "connecting to far.example:443: no answer within 10 s")
    assert subjects["far"].findings[0].text == "not tried: https://far.example can't be reached"


async def test_whatever_hangs_the_limit_ends_it_and_the_rest_is_told(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        slow = stage.dingtalk.config("slow", endpoint="https://slow.example")
        with stage.network.blackhole("slow.example"):
            begun = trio.current_time()
            subjects = await run(stage, slow, stage.dingtalk.config("sales"), limit=3)
            assert trio.current_time() - begun == 3
    assert verdicts(subjects) == {"slow": "failed", "sales": "ok"}
    [finding] = subjects["slow"].findings
    assert (finding.check, finding.text) == ("limit", "no result within 3 s")


async def test_accounts_that_would_be_refused(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        good = stage.dingtalk.config("good")
        bad = attrs.evolve(good, name="bad", client_secret="wrong")
        assert verdicts(await run(stage, good, bad)) == {"good": "ok", "bad": "failed"}


async def test_a_disabled_account_is_not_tried(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        subjects = await run(stage, stage.dingtalk.config("old", enabled=False))
    assert subjects["old"].findings == (Finding("account", "skipped", "disabled: not tried"),)
    assert stage.dingtalk.rest.calls.total() == 0


@pytest.mark.parametrize(("ahead", "verdict"), [(10, "ok"), (60, "warning"), (-3600, "warning")])
async def test_a_clock_that_is_wrong_is_a_warning(autojump_clock: MockClock, ahead: float, verdict: str) -> None:
    async with simulated() as stage:
        with stage.dingtalk.clock_ahead(ahead):
            subjects = await run(stage, stage.dingtalk.config("sales"))
    host = subjects[stage.dingtalk.url]
    assert (host.verdict, host.findings[-1].check) == (verdict, "clock")


async def test_what_a_server_says_is_made_harmless_and_secrets_are_left_out(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_SECRET", "canary-secret")
    hostile = Answer(status=401, body='{"code":"authFailed","message":"\\u001b[2J you said canary-secret\\u202e"}')
    async with simulated() as stage:
        stage.dingtalk.script(OPEN, hostile)
        stage.dingtalk.script(TOKEN, hostile)
        subjects = await run(stage, stage.dingtalk.config("sales", client_secret=Secret(env="CANARY_SECRET")))
    for finding in subjects["sales"].findings:
        assert finding.text.endswith(r"401 authFailed \x1b[2J you said ***\u202e")


class Probed(OpenableAgent):
    """An agent whose probe ends like this."""

    def __init__(self, outcome: str | Exception | None) -> None:
        self.outcome = outcome

    @asynccontextmanager
    async def open(self, environment: Environment) -> AsyncGenerator[Agent]:
        raise AssertionError("it is only tried")
        yield

    async def probe(self, environment: Environment) -> str:
        match self.outcome:
            case None:
                await trio.sleep_forever()
                raise AssertionError
            case str(words):
                return words
            case error:
                async with trio.open_nursery():
                    raise error


@pytest.mark.parametrize(
    ("agent", "verdict", "text", "seconds"),
    [
        (Echo(), "ok", "loaded", 0),
        (Probed("3 models"), "ok", "3 models", 0),
        (Probed(HandshakeFailed("connecting to x: no", stage="tcp")), "failed", "connecting to x: no", 0),
        (Probed(None), "failed", "no result within 30 s", 30),
        (Probed(KeyError("mine")), "failed", "KeyError: 'mine' (test_preflight.py:… in probe)", 0),
        (ConfigError("handler: module shop can't be imported"), "failed", "handler: module shop can't be imported", 0),
    ],
)
async def test_an_agent_is_tried_and_the_accounts_are_too(
    autojump_clock: MockClock, agent: Any, verdict: str, text: str, seconds: float
) -> None:
    async with simulated() as stage:
        begun = trio.current_time()
        subjects = await run(stage, stage.dingtalk.config("sales"), agent=agent)
        assert trio.current_time() - begun == seconds
    finding, *_ = subjects["agent"].findings
    assert (finding.verdict, re.sub(r":\d+ in", ":… in", finding.text)) == (verdict, text)
    assert bool(finding.advice) == (verdict == "failed")
    assert verdicts(subjects) == {"sales": "ok"}


def test_agents_that_cannot_be_loaded_do_not_hide_the_others(tmp_path: Path) -> None:
    shop = ("agents", "shop")
    config = config_of(
        [DingTalk(name=name, client_id="ding1", client_secret="x") for name in ("sales", "hr", "press")],
        file=tmp_path / "bridge.toml",
        agents={AGENT: EchoConfig(), shop: PythonConfig("nobody_wrote_this:answer"), ("agents", "idle"): EchoConfig()},
        bindings=(Binding(agent=shop, account="hr"), Binding(agent=shop, account="press")),
    )
    agents = config.try_agents()
    assert list(agents) == [AGENT, shop]
    assert isinstance(agents[AGENT], Echo)
    assert isinstance(agents[shop], ConfigError)

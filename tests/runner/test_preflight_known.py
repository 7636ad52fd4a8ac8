"""A trial of an account that is somebody to its platform: it comes as who it is, with a copy of what its store says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from trio.testing import MockClock

from tests.platforms.openclaw.stage import Stage, simulated
from trio_bridge.agents.config import EchoConfig
from trio_bridge.agents.echo import Echo
from trio_bridge.platforms.openclaw.config import OpenClaw
from trio_bridge.runner.loading import RunnerConfig
from trio_bridge.runner.preflight import Preflight, Subject
from trio_bridge.stores.sqlite import inline, open_sqlite

AGENT = ("agent",)


async def tried(stage: Stage, config: OpenClaw, store: str) -> Subject:
    runner = RunnerConfig(accounts=(config,), file=Path("bridge.toml"), store=store, agents={AGENT: EchoConfig()})
    subjects = await Preflight(runner, {AGENT: Echo()}, stage.environment, executor=inline).run()
    [subject] = [subject for subject in subjects if subject.kind == "account"]
    return subject


async def test_it_comes_as_the_device_that_was_approved(autojump_clock: MockClock, tmp_path: Path) -> None:
    file = tmp_path / "bridge.db"
    async with simulated(pairing=True) as stage:
        async with open_sqlite(file, executor=inline) as store, stage.account(store=store) as account:
            await stage.gateway.approve()
            await stage.gateway.next_connection()
            await account.wait_ready()
        before = file.read_bytes()
        subject = await tried(stage, stage.gateway.config(), f"sqlite:{file}")
        assert [finding.check for finding in subject.findings] == ["login", "scopes"]
        assert subject.verdict == "ok"
        assert len({login["device"]["id"] for login in stage.logins}) == 1
        assert "deviceToken" in stage.logins[-1]["auth"]
        assert file.read_bytes() == before


@pytest.mark.parametrize("store", ["memory:", "sqlite:{}/none.db", "sqlite:{}"])
async def test_without_a_store_it_comes_without_a_device(autojump_clock: MockClock, tmp_path: Path, store: str) -> None:
    async with simulated() as stage:
        subject = await tried(stage, stage.gateway.config(), store.format(tmp_path))
        assert [finding.check for finding in subject.findings] == ["login", "scopes", "device"]
        assert "device" not in stage.logins[0]
        assert not stage.gateway.devices.paired
        assert os.listdir(tmp_path) == []


async def test_another_account_in_the_same_store_is_somebody_else(autojump_clock: MockClock, tmp_path: Path) -> None:
    file = tmp_path / "bridge.db"
    async with simulated() as stage:
        async with open_sqlite(file, executor=inline) as store, stage.account(store=store) as account:
            await account.wait_ready()
        subject = await tried(stage, stage.gateway.config("other"), f"sqlite:{file}")
        assert subject.findings[-1].check == "device"

"""Whether a gateway would let an account in, as far as a check can tell, and what it leaves behind: nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.openclaw.stage import Stage, simulated
from trio_bridge.config import Secret
from trio_bridge.engine.findings import Finding
from trio_bridge.engine.hosts import Hosts
from trio_bridge.engine.platform import Services
from trio_bridge.engine.store import Store
from trio_bridge.platforms.openclaw.access.identity import SCOPE
from trio_bridge.platforms.openclaw.gateway.acts import Closes, Lost, Refuses, Says
from trio_bridge.platforms.openclaw.gateway.methods import Refusal
from trio_bridge.stores.memory import MemoryStore

PROTOCOLS = [3, 4]
VERSIONS = {3: "2026.5.3-1", 4: "2026.9.6"}
MADE_LATER = Finding("device", "ok", "there is no key yet: one is made at the first start")


async def check(stage: Stage, *, store: Store | None = None, **tuning: Any) -> dict[str, Finding]:
    """What is found about an account, by check. Nothing is left open, and no device is made for it."""
    config = stage.gateway.config(**tuning)
    kept = await (store or MemoryStore()).open_account(config.name, platform="openclaw")
    before, devices = await kept.load(SCOPE), set(stage.gateway.devices.paired)
    async with config.open_platform(Services.of(config, stage.environment, kept)) as platform:
        findings = await platform.check(Hosts(stage.environment))
    await trio.testing.wait_all_tasks_blocked()
    assert not stage.gateway.connections
    assert await kept.load(SCOPE) == before
    assert set(stage.gateway.devices.paired) == devices
    assert str(stage.gateway.token) not in str(findings)
    return {finding.check: finding for finding in findings}


async def started(stage: Stage, store: Store, **tuning: Any) -> None:
    """The account has run once."""
    async with stage.account(store=store, **tuning) as account:
        await account.wait_ready()


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_good_account(autojump_clock: MockClock, protocol: int) -> None:
    store = MemoryStore()
    async with simulated(protocol=protocol) as stage:
        await started(stage, store)
        how = ", let in by token" if protocol == 4 else ""
        assert await check(stage, store=store) == {
            "login": Finding("login", "ok", f"OpenClaw {VERSIONS[protocol]}, protocol {protocol}{how}"),
            "scopes": Finding("scopes", "ok", "operator.read, operator.write"),
        }


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_an_account_that_has_never_run(autojump_clock: MockClock, protocol: int, tmp_path: Path) -> None:
    async with simulated(protocol=protocol) as stage:
        for tuning in ({}, {"device_key_file": tmp_path / "device.key"}):
            findings = await check(stage, **tuning)
            assert {finding.verdict for finding in findings.values()} == {"ok"}
            assert findings["device"] == MADE_LATER
        assert not (tmp_path / "device.key").exists()


async def test_a_key_file(autojump_clock: MockClock, tmp_path: Path) -> None:
    file = tmp_path / "device.key"
    async with simulated() as stage:
        await started(stage, MemoryStore(), device_key_file=file)
        assert "device" not in await check(stage, device_key_file=file)
        file.write_text("damaged")
        finding = (await check(stage, device_key_file=file))["login"]
        assert finding.verdict == "failed"
        assert "device.key" in finding.text


@pytest.mark.parametrize("has_run", [True, False])
async def test_a_wrong_token(autojump_clock: MockClock, has_run: bool) -> None:
    store = MemoryStore()
    async with simulated() as stage:
        if has_run:
            await started(stage, store)
            stage.gateway.devices.paired.clear()
        finding = (await check(stage, store=store, token="wrong"))["login"]
        assert finding.verdict == "failed"
        assert "the secret is not the gateway's gateway.auth.token" in finding.text
        assert finding.advice == "check the credentials"


@pytest.mark.parametrize(("protocol", "auth"), [(3, "token"), (4, "token"), (3, "none")])
async def test_no_secret_before_there_is_a_device(autojump_clock: MockClock, protocol: int, auth: str) -> None:
    async with simulated(protocol=protocol, auth=auth) as stage:
        finding = (await check(stage, token=None))["login"]
    assert finding.verdict == "warning"
    assert finding.text == "neither token nor password is set: only a gateway that asks for none lets it in"


async def test_what_signs_is_missing(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trio_bridge.platforms.openclaw.checking.find_spec", lambda name: None)
    async with simulated() as stage:
        finding = (await check(stage))["login"]
    assert finding.verdict == "failed"
    assert finding.advice == "pip install 'trio-bridge[openclaw]'"


async def test_a_device_that_nobody_has_approved(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with simulated(pairing=True) as stage:
        async with stage.account(store=store):
            request = await stage.gateway.next_request()
        assert await check(stage, store=store) == {
            "pairing": Finding(
                "pairing",
                "failed",
                "this device is not approved yet",
                f"on the gateway's machine: openclaw devices approve {request.id}; "
                "a bridge that runs goes on by itself then",
            )
        }


async def test_a_gateway_elsewhere_that_will_want_an_approval(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        with stage.gateway.remote():
            findings = await check(stage)
        finding = findings.pop("device")
        assert {finding.verdict for finding in findings.values()} <= {"ok"}
        assert finding.verdict == "warning"
        assert "a person must approve it" in finding.text
        assert not stage.gateway.devices.pending


async def test_scopes_that_are_not_granted(autojump_clock: MockClock) -> None:
    granted = '{"type":"res","id":"connect","ok":true,"payload":{"protocol":4,"auth":{"scopes":["operator.read"]}}}'
    store = MemoryStore()
    async with simulated() as stage:
        await started(stage, store)
        stage.gateway.script("connect", Says(granted))
        findings = await check(stage, store=store, scopes=("operator.read", "operator.write", "operator.admin"))
        assert (findings["scopes"].verdict, findings["scopes"].text) == (
            "warning",
            "not granted: operator.admin, operator.write",
        )


async def test_trap_2_a_scope_that_nobody_knows(autojump_clock: MockClock) -> None:
    """It is granted, and every call fails."""
    async with simulated() as stage:
        finding = (await check(stage, scopes=("operator.read", "operator.wrte")))["scopes"]
        assert (finding.verdict, finding.text) == ("warning", "nobody knows operator.wrte")
        assert "spelt" in finding.advice
        assert "nothing can be called" in (await check(stage, scopes=()))["scopes"].text


async def test_a_gateway_that_takes_nobody_without_a_device(autojump_clock: MockClock) -> None:
    async with simulated(protocol=3, auth="none") as stage:
        findings = await check(stage, token="more than it asks for")
        assert [(finding.check, finding.verdict) for finding in findings.values()] == [("device", "warning")]


@pytest.mark.parametrize(
    ("refusal", "verdict", "advice"),
    [
        (Refusal("UNAVAILABLE", "x", details={"reason": "startup-sidecars"}), "warning", "in a moment"),
        (Refusal("INVALID_REQUEST", "x", details={"code": "AUTH_RATE_LIMITED"}), "warning", "later"),
        (Refusal("INVALID_REQUEST", "x", details={"expectedProtocol": 5}), "failed", "update trio-bridge"),
        (Refusal("INVALID_REQUEST", "invalid role"), "failed", "configuration"),
        (Refusal("UNAVAILABLE", "x"), "failed", "try again"),
    ],
)
async def test_refusals(autojump_clock: MockClock, refusal: Refusal, verdict: str, advice: str) -> None:
    async with simulated() as stage:
        stage.gateway.script("connect", Refuses(refusal))
        findings = await check(stage)
        assert set(findings) == {"login"}
        assert findings["login"].verdict == verdict
        assert advice in findings["login"].advice


async def test_what_is_no_gateway(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        stage.gateway.script("challenge", Closes(1000), Lost())
        for _ in range(2):
            finding = (await check(stage))["login"]
            assert finding.verdict == "failed"
            assert "OpenClaw Gateway" in finding.text
        with stage.gateway.refusing_upgrades(404):
            assert "is ws://127.0.0.1" in (await check(stage))["login"].text


async def test_a_gateway_that_is_not_there_is_not_asked(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        findings = await check(stage, url="ws://127.0.0.1:9")
        assert findings["login"].text == "not tried: ws://127.0.0.1:9 can't be reached"
        assert not stage.logins


async def test_a_secret_that_is_gone_is_named(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        finding = (await check(stage, token=Secret(env="NOBODY_SET_THIS")))["login"]
        assert (finding.verdict, finding.text) == ("failed", "environment variable NOBODY_SET_THIS is not set")


async def test_beside_a_bridge_that_runs(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with simulated() as stage, stage.account(store=store) as account:
        await account.wait_ready()
        config = stage.gateway.config()
        kept = await store.open_account(config.name, platform="openclaw")
        async with config.open_platform(Services.of(config, stage.environment, kept)) as platform:
            findings = await platform.check(Hosts(stage.environment))
        assert {finding.verdict for finding in findings} == {"ok"}
        await trio.sleep(10)
        assert (account.state, account.generation) == ("ready", 1)

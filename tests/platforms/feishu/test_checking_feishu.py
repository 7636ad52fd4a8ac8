"""Whether Feishu would take an account, asked without a connection."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.platforms.feishu.account_stage import hearing, simulated, wall
from trio_bridge.config import Secret
from trio_bridge.engine.environment import Environment
from trio_bridge.engine.findings import Finding, Verdict
from trio_bridge.engine.hosts import Hosts
from trio_bridge.engine.platform import Services
from trio_bridge.feishu import CardAction
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.feishu.api.results import Bot
from trio_bridge.platforms.feishu.checking import LIMIT, bot_found
from trio_bridge.platforms.feishu.gateway.rest import BOT, refused
from trio_bridge.platforms.feishu.gateway.tokens import TOKEN
from trio_bridge.stores.memory import MemoryAccount
from trio_bridge.testing.feishu import FeishuSimulator

GOOD = {
    "credentials": Finding("credentials", "ok", "app id and app secret are good"),
    "bot": Finding("bot", "ok", "the bot 'Helper' works"),
    "connection": Finding("connection", "ok", "the long connection is open to the app"),
}
KEYS = {"encrypt_key": "kudryavka-encrypt-key", "verification_token": "vtok-1234567890"}


async def ignore(action: CardAction) -> None:
    """A handler of presses."""


async def check(feishu: FeishuSimulator, **changes: Any) -> dict[str, Finding]:
    """What is found about an account, by check. Nothing was connected, and no secret is told."""
    config = feishu.config("hr", app_id="cli_a1b2c3d4e5f60718", **changes)
    feishu.add_app(config.app_id, "canary-app-secret", "Helper")
    config = feishu.config("hr", app_id=config.app_id, **changes)
    return await check_as_it_is(feishu, config)


async def check_as_it_is(feishu: FeishuSimulator, config: Any) -> dict[str, Finding]:
    opened = len(feishu.opened)
    environment = Environment(network=feishu.environment.network, wall=wall)
    services = Services.of(config, environment, MemoryAccount(config.name))
    async with config.open_platform(services) as platform:
        findings = await platform.check(Hosts(environment))
    assert len(feishu.opened) == opened
    assert "canary" not in str(findings)
    assert "ticket" not in str(findings)
    return {finding.check: finding for finding in findings}


async def test_a_good_account(autojump_clock: object) -> None:
    async with simulated() as feishu:
        assert await check(feishu) == GOOD


async def test_a_bridge_that_runs_keeps_its_connection_and_all_messages(autojump_clock: object) -> None:
    async with simulated() as feishu:
        heard: list[str] = []
        async with feishu.open_account(hearing(heard), app_id="cli_a1b2c3d4e5f60718"):
            assert (await check_as_it_is(feishu, feishu.config(app_id="cli_a1b2c3d4e5f60718")))["connection"] == GOOD[
                "connection"
            ]
            pushed = await feishu.say("hello")
            await feishu.wait_acked(pushed)
            assert len(feishu.opened) == 1


async def test_wrong_credentials(autojump_clock: object) -> None:
    async with simulated() as feishu:
        config = feishu.config(app_id="cli_a1b2c3d4e5f60718")
        feishu.add_app(config.app_id, "another")
        findings = await check_as_it_is(feishu, config)
        assert set(findings) == {"credentials", "connection"}
        assert findings["credentials"].verdict == findings["connection"].verdict == "failed"
        assert "10015" in findings["credentials"].text
        assert "app_secret" in findings["credentials"].advice
        assert "1000040345" in findings["connection"].text
        assert "long connection" in findings["connection"].advice


async def test_an_app_that_nobody_knows(autojump_clock: object) -> None:
    async with simulated() as feishu:
        config = feishu.config(app_id="cli_a1b2c3d4e5f60718")
        feishu.remove_app(config.app_id)
        findings = await check_as_it_is(feishu, config)
        assert "Feishu or" in findings["credentials"].advice
        assert "Lark" in findings["connection"].advice


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0, "not installed"),
        (1, "disabled"),
        (3, "waits to be enabled"),
        (4, "approved"),
        (5, "licence"),
        (6, "plan"),
        (9, "status 9"),
    ],
)
def test_a_bot_that_does_not_work_says_why(status: int, words: str) -> None:
    finding = bot_found(Bot(open_id="ou_1", name="Helper", status=status))
    assert (finding.verdict, words in finding.text) == ("failed", True)
    assert "publish" in finding.advice


def test_an_app_without_a_bot_hears_nothing() -> None:
    assert bot_found(Bot(open_id="")) == Finding(
        "bot", "failed", "the app has no bot",
        "enable the bot in the developer console, publish a version of the app, and have it approved",
    )  # fmt: skip
    assert bot_found(Bot(open_id="ou_1", status=2)).text == "the bot works"


@pytest.mark.parametrize(
    ("answer", "verdict", "advice"),
    [
        (refused(230006, "bot is disabled"), "failed", "publish"),
        (refused(99991672, "Access denied. One of the following scopes is required: [bot:info]."), "failed", "scope"),
        (refused(99991400, "too often", wait=7), "warning", "try again in 7 s"),
        (refused(99991403, "used up"), "failed", "next month"),
        (Answer(status=502, body="<html>"), "warning", "later"),
        (Answer(status=404, body="<html>"), "failed", "something else than Feishu"),
    ],
    ids=["disabled", "scope", "throttled", "quota", "failing", "foreign"],
)
async def test_every_answer_about_the_bot_is_judged(
    autojump_clock: object, answer: Answer, verdict: Verdict, advice: str
) -> None:
    async with simulated() as feishu:
        feishu.rest.scripts.add(BOT, answer, times=2)
        findings = await check(feishu)
        bot = findings.pop("bot")
        assert findings == {"credentials": GOOD["credentials"], "connection": GOOD["connection"]}
        assert (bot.verdict, advice in bot.advice) == (verdict, True)


async def test_calls_that_hang_end_after_ten_seconds(autojump_clock: object) -> None:
    async with simulated() as feishu:
        with feishu.rest.scripts.standing(TOKEN, Answer(ending="hang")):
            begun = trio.current_time()
            findings = await check(feishu)
            assert trio.current_time() - begun == pytest.approx(LIMIT)
        assert (findings["credentials"].verdict, "within 10 s" in findings["credentials"].text) == ("failed", True)
        assert findings["connection"] == GOOD["connection"]


async def test_a_host_that_is_not_there_is_asked_nothing(autojump_clock: object) -> None:
    async with simulated() as feishu:
        config = feishu.config(domain="http://127.0.0.1:9")
        findings = await check_as_it_is(feishu, config)
        assert findings == {
            "credentials": Finding(
                "credentials",
                "failed",
                "not tried: http://127.0.0.1:9 can't be reached",
                "see what is said of that host",
            )
        }


async def test_a_secret_that_is_gone_is_named(autojump_clock: object) -> None:
    async with simulated() as feishu:
        config = feishu.config("hr", domain=feishu.url)
        findings = await check_as_it_is(feishu, type(config)(**changed(config, app_secret=Secret(env="NOBODY_SET_IT"))))
        assert {each.text for each in findings.values()} == {"environment variable NOBODY_SET_IT is not set"}


def changed(config: Any, **changes: Any) -> dict[str, Any]:
    return {"name": config.name, "app_id": config.app_id, "domain": config.domain, **changes}


async def test_too_many_connections_are_somebody_elses(autojump_clock: object) -> None:
    async with simulated() as feishu:
        with feishu.refusing(1000040350, "connection limit"):
            connection = (await check(feishu))["connection"]
        assert connection.verdict == "failed"
        assert "another process" in connection.advice


async def test_who_would_never_be_heard_and_what_is_missing(tmp_path: Path) -> None:  # a program is run: in real time
    async with simulated() as feishu:
        folders = {"media_roots": [tmp_path], "media_cover": sys.executable}
        assert await check(feishu, **folders) == GOOD
        findings = await check(feishu, allowed_users=[], **{**folders, "media_roots": [tmp_path / "none"]})
        assert findings["heard"].text == "allowed_users is empty: nobody is heard"
        assert findings["files"].text == f"media_roots: there is no folder {tmp_path / 'none'}"


async def test_presses_have_a_subscription_that_nobody_can_ask_about(autojump_clock: object) -> None:
    async with simulated() as feishu:
        found = (await check(feishu, on_card_action=ignore))["callbacks"]
        assert (found.verdict, found.text) == ("skipped", "card.action.trigger can't be checked from here")
        assert "developer console" in found.advice


# Being called. The port is a real one: nothing else can tell whether it is free.


async def test_a_webhook_has_keys_and_an_address_that_is_free() -> None:
    async with simulated() as feishu:
        findings = await check(feishu, mode="webhook", listen="127.0.0.1:0", **KEYS)
        assert "connection" not in findings
        assert (findings["webhook"].verdict, "HTTPS" in findings["webhook"].text) == ("ok", True)


async def test_a_webhook_without_a_port_is_heard_by_nobody_unless_it_is_mounted() -> None:
    async with simulated() as feishu:
        both = await check(feishu, mode="both", listen="", **KEYS)
        assert both["connection"] == GOOD["connection"]
        assert both["webhook"].verdict == "warning"
        assert "another application" in both["webhook"].text
        assert "listen" in both["webhook"].advice


@pytest.mark.parametrize("missing", ["cryptography", "hypercorn.trio"])
async def test_what_is_not_installed_is_no_fault_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    async with simulated() as feishu:
        found = (await check(feishu, mode="webhook", listen="127.0.0.1:0", **KEYS))["webhook"]
        assert (found.verdict, "pip install" in found.text) == ("failed", True)
        assert found.advice == "install it where trio-bridge is installed"


async def test_an_address_that_is_taken_may_be_a_bridge_that_runs() -> None:
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener, simulated() as feishu:
        port = listener.socket.getsockname()[1]
        found = (await check(feishu, mode="webhook", listen=f"127.0.0.1:{port}", **KEYS))["webhook"]
        assert (found.verdict, str(port) in found.text, "bridge" in found.advice) == ("warning", True, True)


async def test_an_address_that_is_not_ours_is_no_place_to_listen() -> None:
    async with simulated() as feishu:
        found = (await check(feishu, mode="webhook", listen="192.0.2.1:8712", **KEYS))["webhook"]
        assert (found.verdict, os.strerror(errno.EADDRNOTAVAIL) in found.text) == ("failed", True)


async def test_calls_that_are_not_signed_are_a_warning() -> None:
    async with simulated() as feishu:
        token = {"verification_token": "vtok", "allow_unencrypted": True}
        found = (await check(feishu, mode="webhook", listen="", **token))["webhook"]
        assert (found.verdict, "encrypt_key" in found.advice) == ("warning", True)


async def test_a_key_that_is_gone_is_named() -> None:
    async with simulated() as feishu:
        keys = {**KEYS, "encrypt_key": Secret(env="NOBODY_SET_THIS")}
        found = (await check(feishu, mode="webhook", listen="", **keys))["webhook"]
        assert found.text == "environment variable NOBODY_SET_THIS is not set"

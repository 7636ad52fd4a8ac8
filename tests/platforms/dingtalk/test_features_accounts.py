"""What the table of features promises of accounts: their configuration, their health, and their life beside others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from trio.testing import MockClock

import trio_bridge as tb
from tests.bots.media import MP4
from tests.platforms.dingtalk.cloud import Cloud, config
from tests.platforms.dingtalk.stage import Listener, simulated
from tests.transport.servers import serving
from trio_bridge.engine.environment import Environment
from trio_bridge.platforms.dingtalk.codes import OPEN
from trio_bridge.runner.loading import load_config

ACCOUNT = '[accounts.{name}]\nplatform = "dingtalk"\nclient_id = "{app}"\n'
SECRET = 'client_secret = "hush"\n'


def written(folder: Path, text: str) -> Path:
    file = folder / "bridge.toml"
    file.write_text(f'[agent]\nkind = "echo"\n{text}', encoding="utf-8")
    return file


def problems(folder: Path, text: str) -> list[str]:
    file = written(folder, text)
    with pytest.raises(tb.ConfigError) as caught:
        load_config(file)
    return [problem.removeprefix(f"{file}: ") for problem in caught.value.problems]


# Configuration


def test_rows_1_and_4_accounts_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES_SECRET", "from a variable")
    (tmp_path / "secret").write_text("from a file\n")
    file = written(
        tmp_path,
        "[defaults.dingtalk]\nworkers = 3\nchunk_limit = 1000\n"
        + ACCOUNT.format(name="sales", app="ding1")
        + 'client_secret = { env = "SALES_SECRET" }\nworkers = 5\n'
        + ACCOUNT.format(name="support", app="ding2")
        + 'client_secret = { file = "secret" }\nenabled = false\n',
    )
    sales, support = load_config(file).accounts
    assert isinstance(sales, tb.DingTalk)
    assert isinstance(support, tb.DingTalk)
    assert (sales.workers, sales.chunk_limit, sales.enabled) == (5, 1000, True)
    assert (support.workers, support.chunk_limit, support.enabled) == (3, 1000, False)
    assert (sales.client_secret.read(), support.client_secret.read()) == ("from a variable", "from a file")
    assert "from a" not in f"{sales} {support}"


def test_rows_4_and_5_what_is_wrong_with_a_file_is_named(tmp_path: Path) -> None:
    sales, support = (ACCOUNT.format(name=name, app="ding1") for name in ("sales", "support"))
    assert problems(tmp_path, sales + SECRET + support + SECRET) == [
        "accounts.support: the same dingtalk client as accounts.sales: only one account may hold it"
    ]
    assert problems(tmp_path, sales) == [
        "accounts.sales.client_secret: missing: expected a string, { env = NAME } or { file = PATH }"
    ]
    assert problems(tmp_path, sales + SECRET + "require_mentions = true\n") == [
        "accounts.sales.require_mentions: unknown key; did you mean require_mention?"
    ]
    for app in ("dingtalk_sales", "ding 1"):
        [problem] = problems(tmp_path, ACCOUNT.format(name="sales", app=app) + SECRET)
        assert problem.startswith("accounts.sales.client_id: expected the app key of the app")


async def test_row_2_an_account_trusts_the_certificates_that_it_names(cloud: Cloud, tmp_path: Path) -> None:
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    environment = Environment(network=cloud.network)
    async with serving(
        cloud.network, cloud.handle, host="api.example", tls=authority.issue_cert("api.example")
    ) as port:
        endpoint = f"https://api.example:{port}"
        with trio.fail_after(30):
            async with tb.open_account(config(endpoint=endpoint, ca_file=ca_file), environment=environment) as account:
                await account.wait_ready()
            async with tb.open_account(config(endpoint=endpoint), environment=environment) as account:
                with pytest.raises(tb.AccountRefused, match="certificate"):
                    await account.wait_ready()
    assert cloud.rest.calls[OPEN] == 1


async def test_row_3_the_robot_is_the_one_that_was_named(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        stage.dingtalk.add_app("dingapp", "hush", robot_code="dingrobot")
        async with stage.account(client_id="dingapp", robot_code="dingrobot") as account:
            await account.wait_ready()
            await account.api.send("ann", "hi")
        assert [sent.body["robotCode"] for sent in stage.dingtalk.sent] == ["dingrobot"]


# Health


async def test_row_8_the_keys_say_what_a_stall_is(autojump_clock: MockClock) -> None:
    async with simulated() as stage, stage.account(stall_runs=2, stall_probe=5000.0) as account:
        with stage.dingtalk.accept_then_close():
            for _ in range(2):
                assert account.alarms == set()
                await stage.dingtalk.next_connection()
            await trio.sleep(1)
            assert account.alarms == {"stalled"}
            await trio.sleep(4000)
            assert len(stage.dingtalk.opened) == 2
        await account.wait_ready()
        assert trio.current_time() < 5000 * 1.1 + 10


async def test_rows_14_and_60_what_is_counted_is_told_by_the_minute(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "trio_bridge")
    tuning: dict[str, Any] = {"workers": 1, "queue_size": 1, "overflow": "shed"}
    async with simulated() as stage, stage.account(Listener(takes=300), **tuning) as account:
        await account.wait_ready()
        for number in range(5):
            await stage.dingtalk.say(str(number))
        await trio.sleep(65)
        told = [vars(record) for record in caplog.records if record.getMessage() == "in the last minute"]
        assert [(line["account"], line["shed"]) for line in told] == [("dingtalk", 4)]
        statistics = account.statistics()
        assert (statistics.counters.shed, statistics.counters.stored) == (account.counters.shed, 1)
        assert statistics.last_inbound_at is not None


async def test_row_60_states_are_told_one_after_another(autojump_clock: MockClock) -> None:
    told: list[str] = []
    async with simulated() as stage, stage.account() as account:
        await account.wait_ready()
        async with account.states() as states:
            stage.dingtalk.drop_connections()
            async for state in states:
                told.append(str(state))
                if told[1:] and state == "ready":
                    break
    assert told == ["ready", "waiting", "connecting", "ready"]


async def test_row_62_accounts_are_listed_without_their_secrets(autojump_clock: MockClock) -> None:
    async with simulated() as stage:
        configs = [stage.dingtalk.config(name, client_secret="canary") for name in ("one", "two")]
        async with stage.bridge(configs) as bridge:
            assert [*bridge.accounts] == ["one", "two"]
            seen = f"{bridge.accounts} {bridge.statistics()} {[account.config for account in bridge.accounts.values()]}"
    assert "dingsimulatedone" in seen
    assert "canary" not in seen


async def test_row_69_the_directory_is_what_the_configuration_names(autojump_clock: MockClock) -> None:
    keys: dict[str, Any] = {"allow_from": ["mei"], "free_response_chats": ["cidB"], "groups": {"cidA": {}}}
    async with simulated() as stage, stage.account(**keys) as account:
        directory = account.api.directory()
    assert (directory.people, set(directory.groups)) == (("mei",), {"cidA", "cidB"})


# Files that are sent


async def test_row_50_a_path_that_stands_alone_sends_nothing(autojump_clock: MockClock, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("private")

    async def answer(message: tb.Message) -> str:
        return f"See {tmp_path}/a.txt, or [here]({tmp_path}/a.txt)"

    async with simulated() as stage, stage.account(answer, media_roots=[tmp_path], reply_mode="text") as account:
        await account.wait_ready()
        assert await stage.dingtalk.ask("where?") == f"See {tmp_path}/a.txt, or [here]({tmp_path}/a.txt)"
        await trio.sleep(10)
        assert len(stage.dingtalk.sent) == 1


async def test_row_51_a_video_has_the_length_and_the_picture_that_the_programs_find(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(MP4)
    probe = str(program(tmp_path / "ffprobe", "printf 2.5"))
    cover = str(program(tmp_path / "ffmpeg", r"printf '\377\330\377\340cover'"))
    async with simulated() as stage, stage.account(media_probe=probe, media_cover=cover) as account:
        await account.wait_ready()
        receipt = await account.send("user:ann", tb.Reply("", [tb.Attachment(tmp_path / "a.mp4", "video")]))
        await receipt.wait_sent()
        [sent] = stage.dingtalk.sent
    assert sent.body["msgKey"] == "sampleVideo"
    assert json.loads(sent.body["msgParam"])["duration"] == "2"
    assert [each.type for each in stage.dingtalk.rest.media.uploaded] == ["image", "video"]


def program(path: Path, does: str) -> Path:
    path.write_text(f"#!/bin/sh\ncat > /dev/null\n{does}\n")
    path.chmod(0o755)
    return path

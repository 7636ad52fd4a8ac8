"""``trio-bridge check`` as a process of its own, against a DingTalk on loopback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from trio_bridge.stores.sqlite import open_sqlite
from trio_bridge.testing.dingtalk import DingTalkSimulator

ACCOUNT = """
[accounts.{name}]
platform = "dingtalk"
client_id = "ding{name}"
client_secret = "canary-secret"
endpoint = "{url}"
oapi_endpoint = "{url}"
"""
NOISY = """
from contextlib import asynccontextmanager
from trio_bridge.agents import Echo, OpenableAgent

print("loaded at last")

class Noisy(OpenableAgent):
    @asynccontextmanager
    async def open(self, environment):
        print("open at last")
        yield Echo()

agent = Noisy()
"""


def config(url: str, *names: str, agent: str = 'kind = "echo"') -> str:
    return f"[agent]\n{agent}\n" + "".join(ACCOUNT.format(name=name, url=url) for name in names)


async def check(folder: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a folder, to its end."""
    (folder / "bridge.toml").write_text(text)
    command = [sys.executable, "-m", "trio_bridge", "check", "bridge.toml", *arguments]
    environment = {**os.environ, "COLUMNS": "120"}
    with trio.fail_after(60):
        done = await trio.run_process(
            command, cwd=folder, env=environment, capture_stdout=True, capture_stderr=True, check=False
        )
    assert b"canary-secret" not in done.stdout + done.stderr
    assert b"\x1b" not in done.stdout + done.stderr, "nothing moves where nobody looks"
    return subprocess.CompletedProcess(command, done.returncode, done.stdout.decode(), done.stderr.decode())


async def test_what_would_run_ends_with_0_and_leaves_nothing_behind(tmp_path: Path) -> None:
    async with DingTalkSimulator() as dingtalk:
        dingtalk.add_app("dingsales", "canary-secret")
        done = await check(tmp_path, config(dingtalk.url, "sales"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "account sales" in done.stdout
    assert "accounts: 1 ok" in done.stdout
    assert not dingtalk.opened
    assert os.listdir(tmp_path) == ["bridge.toml"]


async def test_an_account_that_would_be_refused_ends_it_with_1(tmp_path: Path) -> None:
    async with DingTalkSimulator() as dingtalk:
        dingtalk.add_app("dingsales", "canary-secret")
        done = await check(tmp_path, config(dingtalk.url, "sales", "hr"))
    assert (done.returncode, done.stderr) == (1, "")
    assert "DingTalk refused the credentials: 401 authFailed" in done.stdout
    assert "accounts: 1 ok, 1 failed" in done.stdout


async def test_programs_get_json_whatever_a_module_prints(tmp_path: Path) -> None:
    (tmp_path / "noisy.py").write_text(NOISY)
    async with DingTalkSimulator() as dingtalk:
        dingtalk.add_app("dingsales", "canary-secret")
        text = config(dingtalk.url, "sales", agent='kind = "python"\nhandler = "noisy:agent"')
        with dingtalk.clock_ahead(60):
            done = await check(tmp_path, text, "--json")
    assert (done.returncode, done.stderr) == (0, "loaded at last\nopen at last\n")
    told = json.loads(done.stdout)
    assert (told["ok"], told["verdict"], told["config"]) == (True, "warning", "bridge.toml")
    assert [subject["kind"] for subject in told["subjects"]] == ["store", "agent", "host", "host", "account"]


async def test_an_agent_that_cannot_be_loaded_does_not_hide_the_accounts(tmp_path: Path) -> None:
    async with DingTalkSimulator() as dingtalk:
        dingtalk.add_app("dingsales", "canary-secret")
        text = config(dingtalk.url, "sales", agent='kind = "python"\nhandler = "nobody_wrote_this:answer"')
        done = await check(tmp_path, text)
    assert done.returncode == 1
    assert "module nobody_wrote_this found neither" in done.stdout
    assert "accounts: 1 ok" in done.stdout


@pytest.mark.parametrize("arguments", [[], ["--json"]])
async def test_a_file_that_cannot_be_used_ends_it_with_78(tmp_path: Path, arguments: list[str]) -> None:
    done = await check(tmp_path, config("http://127.0.0.1:9", "sales") + "workers = 0\n", *arguments)
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr == "bridge.toml: accounts.sales.workers: expected a whole number ≥ 1, not 0\n"


async def test_a_store_that_another_process_uses_is_no_failure(tmp_path: Path) -> None:
    async with DingTalkSimulator() as dingtalk, open_sqlite(tmp_path / "bridge.db"):
        dingtalk.add_app("dingsales", "canary-secret")
        done = await check(tmp_path, config(dingtalk.url, "sales"))
    assert done.returncode == 0
    assert f"in use by a running bridge (process {os.getpid()})" in done.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_at_once(tmp_path: Path, number: signal.Signals) -> None:
    async with DingTalkSimulator() as dingtalk, trio.open_nursery() as nursery:
        dingtalk.add_app("dingsales", "canary-secret")
        (tmp_path / "bridge.toml").write_text(config(dingtalk.url, "sales"))
        with dingtalk.hanging_open_calls():
            command = [sys.executable, "-m", "trio_bridge", "check", "bridge.toml"]
            process: trio.Process = await nursery.start(
                lambda task_status: trio.run_process(
                    command,
                    cwd=tmp_path,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    check=False,
                    task_status=task_status,
                )
            )
            assert process.stderr is not None
            with trio.fail_after(30):
                await dingtalk.wait_until(lambda: bool(dingtalk.open_calls))
                process.send_signal(number)
                said = b"".join([bytes(piece) async for piece in process.stderr])
                assert await process.wait() == 70
        nursery.cancel_scope.cancel()
    assert said == b"ended after 2 of 3: there is no report\n"

"""``trio-bridge simulate`` from outside: what it prints, what it reads, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from click.testing import CliRunner

import trio_bridge as tb
from trio_bridge.runner.commands import program
from trio_bridge.runner.exits import ExitCode
from trio_bridge.runner.simulate import Shown, perform
from trio_bridge.runner.simulating.platforms import SIMULATORS
from trio_bridge.transport.tcp import SystemNetwork

PROGRAM = [sys.executable, "-m", "trio_bridge", "simulate", "dingtalk"]
LONGEST = 60


async def echo(message: tb.Message) -> str:
    return message.text


class Program:
    """The program, running."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self._buffer = b""

    async def line(self) -> str:
        """The next line of its stdout; empty at the end."""
        assert self.process.stdout is not None
        while b"\n" not in self._buffer:
            chunk = await self.process.stdout.receive_some()
            if not chunk:
                break
            self._buffer += bytes(chunk)
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()

    async def events(self) -> list[dict[str, Any]]:
        """What it still prints, as objects, until it ends."""
        events = []
        while line := await self.line():
            events.append(json.loads(line))
        return events

    async def say(self, text: str) -> None:
        assert self.process.stdin is not None
        await self.process.stdin.send_all(f"{text}\n".encode())


@asynccontextmanager
async def running(*options: str) -> AsyncIterator[Program]:
    pipe = subprocess.PIPE
    with trio.fail_after(LONGEST):
        process = await trio.lowlevel.open_process([*PROGRAM, *options], stdin=pipe, stdout=pipe)
        try:
            yield Program(process)
        finally:
            if process.poll() is None:
                process.kill()
            await process.wait()


def bot(url: str) -> tb.DingTalk:
    return tb.DingTalk(name="bot", client_id="dingbot", client_secret="any", endpoint=url, oapi_endpoint=url)


async def test_a_script_is_played_to_a_bot_and_the_exit_code_says_how_it_went(tmp_path: Path) -> None:
    script = tmp_path / "play.toml"
    script.write_text(
        "steps = [{ wait = 'connected' }, { say = 'hello' }, { expect = 'hello' }, { say = 'over' }]", encoding="utf-8"
    )
    async with running("--json", "--until-done", "--script", str(script)) as simulator:
        listening = json.loads(await simulator.line())
        assert listening["event"] == "listening"
        async with tb.open_account(bot(listening["url"]), echo):
            events = await simulator.events()
        assert await simulator.process.wait() == 0
    assert [event["text"] for event in events if event["event"] == "replied"] == ["hello", "over"]
    assert events[-1]["event"] == "summary"
    assert (events[-1]["ok"], events[-1]["answered"]) == (True, 2)


async def test_a_chat_ends_with_a_summary_when_it_is_asked_to() -> None:
    async with running() as simulator:
        url = await simulator.line()
        assert url.startswith("http://127.0.0.1:")
        async with tb.open_account(bot(url), echo):
            await simulator.say("grüß dich")
            while not (line := await simulator.line()).startswith("message 0: answered"):
                pass
            assert line.endswith(": grüß dich")
            simulator.process.send_signal(signal.SIGTERM)
            while line := await simulator.line():
                last = line
        assert last.startswith("1 pushed, 1 acked, 1 answered, 0 redelivered")
        assert await simulator.process.wait() == 0


async def test_a_reader_that_goes_away_after_the_first_line_is_no_reason_to_stop() -> None:
    async with running() as simulator:
        url = await simulator.line()
        assert simulator.process.stdout is not None
        await simulator.process.stdout.aclose()
        async with tb.open_account(bot(url), echo) as account:
            await account.wait_ready()
            await simulator.say("hello")
            while account.statistics().counters.sent < 1:
                await trio.sleep(0.01)
        simulator.process.send_signal(signal.SIGINT)
        assert await simulator.process.wait() == 0


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    ours, its = pty.openpty()
    try:
        yield ours, its
    finally:
        os.close(ours)
        os.close(its)


def test_a_person_at_a_terminal_gets_an_account_to_paste_and_a_hint() -> None:
    with terminal() as (ours, its):
        process = subprocess.Popen(PROGRAM, stdin=its, stdout=its, start_new_session=True)
        seen = b""
        while b"Ctrl-C ends it" not in seen:
            seen += os.read(ours, 4096)
        os.write(ours, b"hello?\n")
        while b"nobody is connected: it will be said to the first who is" not in seen:
            seen += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        assert process.wait(LONGEST) == 0
    shown = seen.decode().replace("\r\n", "\n")
    url = shown.partition("\n")[0]
    assert f'endpoint = "{url}"' in shown
    assert '[accounts.simulated]\nplatform = "dingtalk"\n' in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bncr"], "'bncr' is not one of 'dingtalk', 'feishu', 'openclaw'"),
        ([], "Missing argument 'PLATFORM'"),
        (["dingtalk", "--port", "70000"], "70000 is not in the range"),
    ],
)
def test_wrong_usage_ends_with_2(arguments: list[str], said: str) -> None:
    done = CliRunner().invoke(program, ["simulate", *arguments])
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def test_mistakes_in_a_script_are_said_all_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("play.toml").write_text("answer = 'once'\nsteps = [{ sya = 'x' }]", encoding="utf-8")
    done = CliRunner().invoke(program, ["simulate", "dingtalk", "--script", "play.toml"])
    assert (done.exit_code, done.stdout) == (78, "")
    assert done.stderr.splitlines() == [
        "play.toml: answer: unknown key; did you mean answers?",
        "play.toml: steps[0].sya: unknown key; did you mean say?",
    ]


@pytest.mark.parametrize("platform", ["dingtalk", "feishu", "openclaw"])
async def test_a_port_that_is_taken_is_named(platform: str, capsys: pytest.CaptureFixture[str]) -> None:
    simulated = SIMULATORS[platform]()
    shown = Shown(as_json=False, timed=False, chat=False)
    with trio.fail_after(LONGEST), socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code = await perform(simulated, simulated.script(), port, False, shown, SystemNetwork())
    assert code is ExitCode.UNUSABLE
    assert capsys.readouterr().err == f"port {port}: Address already in use\n"

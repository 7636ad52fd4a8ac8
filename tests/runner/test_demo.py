"""The demonstration: whatever happens to its accounts, the platform's book says that nothing was lost or said twice."""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from rich.console import Console
from trio.testing import MockClock

from tests.engine.conftest import virtual_environment
from trio_bridge import __version__
from trio_bridge.messages import Conversation, Message, Sender
from trio_bridge.platforms.dingtalk.gateway.rest import DIRECT, WEBHOOK
from trio_bridge.runner.demo import Report, conclude, perform
from trio_bridge.runner.exits import ExitCode
from trio_bridge.runner.play import BURST, RULES, Notebook
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.transport.memory import MemoryNetwork

GOOD = {
    "seconds": 5.0,
    "pushed": 9,
    "deliveries": 10,
    "connections": 4,
    "acked": 9,
    "answered": 9,
    "answered_twice": 0,
    "handled_twice": 0,
    "lost": 0,
    "unmatched_replies": 0,
    "acked_on_wrong_connection": 0,
    "faults": 0,
}


class Stage:
    """A simulator in memory, and everything that a performance on it needs."""

    def __init__(self) -> None:
        self.network = MemoryNetwork()
        self.dingtalk = DingTalkSimulator(network=self.network, rules=RULES)
        self.finish = trio.Event()

    async def perform(self, seconds: float | None, **others: Any) -> Report:
        environment = virtual_environment(network=self.network)
        return await perform(self.dingtalk, "memory:", seconds, self.finish, environment=environment, **others)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage()
    with trio.fail_after(3600):
        async with stage.dingtalk:
            yield stage


async def test_nothing_is_lost_and_nothing_is_answered_twice(stage: Stage, autojump_clock: MockClock) -> None:
    report = await stage.perform(120)
    assert report.ok
    assert report.counts["pushed"] == report.counts["acked"] == report.counts["answered"] > 1000
    assert report.counts["disconnects"] == report.counts["resets"] == 2
    assert report.counts["connections"] == 3 + 2 + 2
    assert 120 <= report.counts["seconds"] < 125


async def test_however_few_the_seconds_everything_happens_once(stage: Stage, autojump_clock: MockClock) -> None:
    counts = (await stage.perform(0)).counts
    assert [counts[incident] for incident in ("bursts", "duplicates", "disconnects", "resets")] == [1, 1, 1, 1]
    assert counts["connections"] == 5
    assert counts["redelivered"] >= 1
    assert counts["pushed"] > BURST


async def test_it_ends_when_it_is_asked_to(stage: Stage, autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:

        async def ask() -> None:
            await trio.sleep(20)
            stage.finish.set()

        nursery.start_soon(ask)
        report = await stage.perform(None)
    assert report.ok
    assert 20 <= report.counts["seconds"] < 30


async def test_who_watches_sees_the_accounts_and_the_platform_s_book(stage: Stage, autojump_clock: MockClock) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=150)
    report = await stage.perform(1, screen=screen)
    assert isinstance(screen.file, io.StringIO)
    shown = screen.file.getvalue()
    for what in ("sales", "support", "warehouse", "the server leaves in the middle of them", "the connection is reset"):
        assert what in shown
    assert f"the platform: {report.counts['pushed']} messages" in shown


async def test_a_message_that_gets_no_answer_is_not_kept_secret(stage: Stage, autojump_clock: MockClock) -> None:
    stage.dingtalk.script(WEBHOOK, {"status": 200, "body": '{"errcode":310000,"errmsg":"no"}'}, times=5)
    stage.dingtalk.script(DIRECT, {"status": 400, "body": '{"code":"invalidParameter","message":"no"}'}, times=5)
    report = await stage.perform(1)
    assert not report.ok
    assert report.counts["lost"] > 0


@pytest.mark.parametrize(
    "wrong",
    ["lost", "answered_twice", "handled_twice", "unmatched_replies", "acked_on_wrong_connection", "faults"],
)
def test_one_mistake_is_enough(wrong: str) -> None:
    assert Report(GOOD).ok
    assert not Report({**GOOD, wrong: 1}).ok


def test_silence_proves_nothing() -> None:
    assert not Report({**GOOD, "pushed": 0}).ok


def test_a_report_is_one_line_for_a_program_and_two_for_a_person() -> None:
    assert json.loads(Report(GOOD).as_json()) == {"version": __version__, "ok": True, **GOOD}
    assert str(Report(GOOD)).splitlines() == [
        "the platform's own book: 9 messages, delivered 10 times over 4 connections: 9 acknowledged, 9 answered, "
        "0 of them twice, 0 lost",
        "nothing was lost, nothing was answered twice",
    ]
    assert str(Report({**GOOD, "lost": 1})).endswith("this is not as it should be")


@pytest.mark.parametrize(
    ("report", "exit_code"),
    [(Report(GOOD), ExitCode.CLEAN), (Report({**GOOD, "lost": 1}), ExitCode.FAILED), (None, ExitCode.UNFINISHED)],
)
def test_the_exit_code_says_how_it_went(
    report: Report | None, exit_code: ExitCode, capsys: pytest.CaptureFixture[str]
) -> None:
    assert conclude(report, Console(), as_json=True) is exit_code
    shown = capsys.readouterr()
    assert shown.out == ("" if report is None else f"{report.as_json()}\n")
    assert bool(shown.err) == (report is None)


async def test_the_handler_notes_how_often_it_ran(autojump_clock: MockClock) -> None:
    notebook = Notebook(random.Random(1))
    message = Message(
        platform="dingtalk",
        account="sales",
        id="m1",
        conversation=Conversation("c"),
        sender=Sender("mei"),
        text="how much is it?",
    )
    assert await notebook.answer(message) == "how much is it?"
    assert notebook.handled_twice == 0
    await notebook.answer(message)
    assert notebook.handled_twice == 1


def test_the_program_prints_one_object_and_ends_with_0() -> None:
    command = [sys.executable, "-m", "trio_bridge", "demo", "--seconds", "0", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    [line] = done.stdout.splitlines()
    report = json.loads(line)
    assert report["ok"] is True
    assert report["pushed"] == report["answered"] > BURST

"""The demonstration: whatever happens to its accounts, the platform's book says that nothing was lost or said twice."""

from __future__ import annotations

import io
import json
import random
from typing import Any

import pytest
import trio
from click.testing import CliRunner
from rich.console import Console
from trio.testing import MockClock

from tests.engine.conftest import virtual_environment
from trio_bridge import __version__
from trio_bridge.gateways.calls import Answer
from trio_bridge.messages import Conversation, Message, Sender
from trio_bridge.platforms.dingtalk.gateway.rest import DIRECT, WEBHOOK
from trio_bridge.platforms.feishu.gateway.messages import REPLY, SEND
from trio_bridge.platforms.feishu.gateway.rest import refused
from trio_bridge.runner import play
from trio_bridge.runner.commands import program
from trio_bridge.runner.demo import Report, conclude, perform
from trio_bridge.runner.exits import ExitCode
from trio_bridge.runner.play import AWAY, BURST, PAUSE, Notebook, Play
from trio_bridge.runner.sides import DingTalkSide, FeishuSide
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
    "platforms": {
        "dingtalk": {"ack_delay": 0.0012, "ack_delay_while_another_is_away": 0.0013},
        "feishu": {"ack_delay": 0.0014, "ack_delay_while_another_is_away": None},
    },
}


class Stage:
    """Platforms in memory, and everything that a performance on them needs."""

    def __init__(self) -> None:
        self.network = MemoryNetwork()
        self.dingtalk, self.feishu = DingTalkSide(self.network), FeishuSide(self.network)
        self.play = Play(self.dingtalk, self.feishu, random.Random(1))
        self.finish = trio.Event()

    async def perform(self, seconds: float | None, **others: Any) -> Report:
        environment = virtual_environment(network=self.network)
        with trio.fail_after(3600):
            return await perform(self.play, "memory:", seconds, self.finish, environment=environment, **others)


@pytest.fixture
async def stage() -> Stage:
    return Stage()


async def test_nothing_is_lost_and_nothing_is_answered_twice(stage: Stage, autojump_clock: MockClock) -> None:
    report = await stage.perform(30)
    assert report.ok
    counts, of = report.counts, report.counts["platforms"]
    assert counts["pushed"] == counts["acked"] == counts["answered"] > 300
    assert 30 <= counts["seconds"] < 35
    for name in ("pushed", "acked", "answered", "deliveries", "connections"):
        assert counts[name] == of["dingtalk"][name] + of["feishu"][name]
        assert min(of["dingtalk"][name], of["feishu"][name]) > 2


async def test_however_few_the_seconds_everything_happens_once(stage: Stage, autojump_clock: MockClock) -> None:
    counts = (await stage.perform(0)).counts
    incidents = [counts[incident] for incident in ("bursts", "duplicates", "disconnects", "resets", "outages")]
    assert incidents == [2, 2, 1, 1, 2]
    assert counts["connections"] == 4 + 1 + 1 + 4
    assert counts["redelivered"] >= 1
    assert counts["pushed"] > 2 * BURST


async def test_it_ends_when_it_is_asked_to(stage: Stage, autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:

        async def ask() -> None:
            await trio.sleep(15)
            stage.finish.set()

        nursery.start_soon(ask)
        report = await stage.perform(None)
    assert report.ok
    assert 15 <= report.counts["seconds"] < 25


async def test_who_watches_sees_the_accounts_and_the_platform_s_book(stage: Stage, autojump_clock: MockClock) -> None:
    screen = Console(file=io.StringIO(), force_terminal=True, width=150)
    report = await stage.perform(1, screen=screen)
    assert isinstance(screen.file, io.StringIO)
    shown = screen.file.getvalue()
    for what in (
        "sales",
        "support",
        "hr",
        "warehouse",
        "the server leaves in the middle of them",
        "the connection is reset",
        "in three pieces",
        "DingTalk is killed",
        "Feishu is killed",
    ):
        assert what in shown
    for title, counts in (("DingTalk", "dingtalk"), ("Feishu", "feishu")):
        assert f"{title}: {report.counts['platforms'][counts]['pushed']} messages" in shown


@pytest.mark.parametrize("platform", ["dingtalk", "feishu"])
async def test_a_message_that_gets_no_answer_is_not_kept_secret(
    stage: Stage, platform: str, autojump_clock: MockClock
) -> None:
    if platform == "dingtalk":
        scripts = stage.dingtalk.simulator.rest.scripts
        scripts.add(WEBHOOK, Answer(status=200, body='{"errcode":310000,"errmsg":"no"}'), times=5)
        scripts.add(DIRECT, Answer(status=400, body='{"code":"invalidParameter","message":"no"}'), times=5)
    else:
        scripts = stage.feishu.simulator.rest.scripts
        for call in (REPLY, SEND):
            scripts.add(call, refused(230001), times=5)
    report = await stage.perform(1)
    assert not report.ok
    assert report.counts["lost"] == report.counts["platforms"][platform]["lost"] > 0


@pytest.mark.parametrize("away", ["dingtalk", "feishu"])
async def test_whoever_is_away_the_other_is_acknowledged_as_before(
    away: str, stage: Stage, autojump_clock: MockClock
) -> None:
    side, other = (stage.dingtalk, stage.feishu) if away == "dingtalk" else (stage.feishu, stage.dingtalk)
    await stage.perform(20)
    [outage] = [each for each in stage.play.outages if each.side is side]
    assert outage.ended - outage.begun > AWAY  # it lasts until its accounts are connected again
    before = [delay for at, delay in other.ack_delays() if at < outage.begun]
    during = [delay for at, delay in other.ack_delays() if outage.begun <= at < outage.ended]
    after = [delay for at, delay in other.ack_delays() if at >= outage.ended]
    assert len(during) >= AWAY / PAUSE - 1
    assert before
    assert (
        max(during) == 0 == stage.play.ack_delay(other, meanwhile=True) == stage.play.ack_delay(other, meanwhile=False)
    )
    assert not [at for at, _ in side.ack_delays() if outage.begun <= at < outage.begun + AWAY]
    assert max(after) == 0


@pytest.mark.parametrize(
    "wrong",
    ["lost", "answered_twice", "handled_twice", "unmatched_replies", "acked_on_wrong_connection", "faults"],
)
def test_one_mistake_is_enough(wrong: str) -> None:
    assert Report(GOOD).ok
    assert not Report({**GOOD, wrong: 1}).ok


def test_silence_proves_nothing() -> None:
    assert not Report({**GOOD, "pushed": 0}).ok


def test_a_report_is_one_line_for_a_program_and_a_few_for_a_person() -> None:
    assert json.loads(Report(GOOD).as_json()) == {"version": __version__, "ok": True, **GOOD}
    assert str(Report(GOOD)).splitlines() == [
        "the platforms' own books: 9 messages, delivered 10 times over 4 connections: 9 acknowledged, 9 answered, "
        "0 of them twice, 0 lost",
        "half of what dingtalk delivered was acknowledged within 1.2 ms, and 1.3 ms while another platform was away",
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


def test_the_program_prints_one_object_and_ends_with_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(play, "BREATH", 0.01)  # so that nobody has to watch
    monkeypatch.setattr(play, "AWAY", 0.2)
    done = CliRunner().invoke(program, ["demo", "--seconds", "0", "--json"])
    assert (done.exit_code, done.stderr) == (0, "")
    [line] = done.stdout.splitlines()
    report = json.loads(line)
    assert report["ok"] is True
    assert report["pushed"] == report["answered"] > 2 * BURST
    assert report["outages"] == 2

"""What a check found, for people and for programs."""

from __future__ import annotations

import io
import json

import pytest
from rich.cells import cell_len
from rich.console import Console

from trio_bridge._version import __version__
from trio_bridge.engine.findings import Finding
from trio_bridge.runner.preflight import Subject
from trio_bridge.runner.report import Report

REFUSED = Finding(
    "stream", "failed", "DingTalk refused the credentials: 401 authFailed 鉴权失败", "check client_id and client_secret"
)
GOOD = Finding("stream", "ok", "Stream mode is open to the app")
LATE = Finding("clock", "warning", "this machine's clock is 60 s behind the host's", "let it be set")


def account(name: str, *findings: Finding) -> Subject:
    return Subject(kind="account", name=name, platform="dingtalk", findings=findings)


SUBJECTS = (
    Subject(kind="store", name="sqlite:/srv/bridge.db", findings=(Finding("store", "ok", "is there, and sound"),)),
    Subject(kind="host", name="wss://wss-open-connection.dingtalk.com", findings=(Finding("tcp", "ok", "yes"), LATE)),
    account("support", REFUSED, GOOD),
    account("sales", GOOD),
)


def report(*subjects: Subject) -> Report:
    return Report(config="bridge.toml", subjects=subjects, seconds=1.234)


def shown(report: Report, width: int, *, colours: bool = False) -> str:
    console = Console(
        file=io.StringIO(), width=width, force_terminal=colours, color_system="standard" if colours else None
    )
    console.print(report.table())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [80, 100, 150])
def test_the_table_fits_whatever_is_in_it(width: int) -> None:
    endless = Finding("stream", "failed", "x" * 5000, "y " * 50)
    text = shown(report(*SUBJECTS, account("a" * 100, endless)), width)
    assert max(map(cell_len, text.splitlines())) <= width
    assert len(text.splitlines()) < 40
    assert "x…" in text


def test_on_a_wide_screen_each_finding_is_a_line_and_its_advice_another() -> None:
    lines = [" ".join(line.split()) for line in shown(report(*SUBJECTS), 150).splitlines()]
    assert lines[2:] == [
        "store store ok is there, and sound",
        "wss://wss-open-connection.dingtalk.com tcp ok yes",
        "clock warning this machine's clock is 60 s behind the host's",
        "→ let it be set",
        "account sales stream ok Stream mode is open to the app",
        "account support stream failed DingTalk refused the credentials: 401 authFailed 鉴权失败",
        "→ check client_id and client_secret",
        "stream ok Stream mode is open to the app",
    ]


def test_on_a_narrow_screen_the_whole_text_is_still_there() -> None:
    text = "".join(line[-38:].strip() + " " for line in shown(report(*SUBJECTS), 80).splitlines())
    assert "DingTalk refused the credentials: 401 authFailed 鉴权失败" in text
    assert "check client_id and client_secret" in text


def test_nothing_colours_the_screen_but_the_verdict() -> None:
    loud = Finding("stream", "ok", "[red]loud[/red] \x1b[31m", "[bold]louder")
    text = shown(report(account("[blink]x[/blink]", loud)), 150, colours=True)
    for written in ("[red]loud[/red] \\x1b[31m", "[bold]louder", "[blink]x[/blink]"):
        assert written in text


def test_the_summary_counts_accounts() -> None:
    subjects = [*SUBJECTS, account("old", Finding("account", "skipped", "disabled: not tried"))]
    assert report(*subjects).summary() == "accounts: 1 ok, 1 skipped, 1 failed (1.2 s)"


def test_programs_get_one_object_in_one_line() -> None:
    text = report(*SUBJECTS).as_json()
    assert "\n" not in text
    told = json.loads(text)
    subjects = told.pop("subjects")
    assert told == {
        "version": __version__,
        "config": "bridge.toml",
        "ok": False,
        "verdict": "failed",
        "seconds": 1.2,
    }
    assert subjects[2] == {
        "kind": "account",
        "name": "support",
        "platform": "dingtalk",
        "verdict": "failed",
        "findings": [
            {"check": "stream", "verdict": "failed", "text": REFUSED.text, "advice": REFUSED.advice},
            {"check": "stream", "verdict": "ok", "text": GOOD.text, "advice": ""},
        ],
    }


@pytest.mark.parametrize(
    ("subjects", "ok"),
    [
        ([account("sales", GOOD)], True),
        ([account("sales", GOOD, LATE)], True),
        ([account("old", Finding("account", "skipped", "disabled"))], True),
        ([account("sales", GOOD, REFUSED)], False),
        ([Subject(kind="store", name="sqlite:x", findings=(Finding("store", "failed", "no"),))], False),
        ([Subject(kind="agent", name="agent", findings=(Finding("agent", "failed", "no"),))], False),
    ],
)
def test_warnings_alone_are_no_failure(subjects: list[Subject], ok: bool) -> None:
    assert report(*subjects).ok == ok

"""The harness itself: what it reports of a small flood, and how it fails."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import attrs
import pytest

from benchmarks.__main__ import choose, main
from benchmarks.flood.flood import Flood
from benchmarks.flood.frames import Frames
from benchmarks.flood.platforms import PLATFORMS
from benchmarks.flood.run import Run, SubjectFailed, run_subject
from benchmarks.flood.subject import Subject

SMALL = Flood(count=200, window=50)


@pytest.mark.parametrize(("scenario", "size"), [("flood", 1024), ("feishu-flood", 800)])
def test_a_small_flood_is_acknowledged_handled_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], scenario: str, size: int
) -> None:
    written = tmp_path / "figures.json"
    asked = ["--subjects", "floor,memory", "--count", "200", "--window", "50"]
    assert main([scenario, *asked, "--folder", str(tmp_path), "--json", str(written)]) == 0

    figures = json.loads(written.read_text())
    assert figures["scenario"] == scenario
    assert figures["flood"] == {**attrs.asdict(SMALL), "size": size, "burst": False}
    floor, memory = figures["runs"]
    assert (floor["subject"], memory["subject"]) == ("floor", "memory")
    assert set(floor) == {field.name for field in attrs.fields(Run)}
    counters = memory["facts"]["counters"]
    assert [counters[name] for name in ("received", "handled", "acked", "shed")] == [200, 200, 200, 0]
    for run in figures["runs"]:
        assert 0 < run["latency_p50"] <= run["latency_p99"]
        assert min(run["cpu"], run["first_tenth"], run["last_tenth"], run["rate"], run["memory"]) > 0
    assert figures["figures"]["floor"]["least"] == floor["cpu"]

    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len({len(line) for line in lines[:4]}) == len({len(line) for line in lines[4:]}) == 1
    for run, cost, went in zip(figures["runs"], lines[2:4], lines[6:], strict=True):
        assert f" {run['cpu']:.1f} " in cost
        assert f" {run['latency_p99']:.2f} " in went
    assert "× floor" in lines[0]
    assert "× python-sdk" not in lines[0]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise SystemExit('no such luck')", "it ended by itself"),
        ("import os; os.write(int(a[-1]), b'?\\n')", "Expecting"),
    ],
)
def test_a_subject_that_fails_has_no_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], code: str, said: str
) -> None:
    subject = Subject("broken", "broken", lambda: [sys.executable, "-c", f"from sys import argv as a; {code}"])
    with pytest.raises(SubjectFailed, match=f"broken: {said}"):
        run_subject(subject, SMALL, Frames.of(PLATFORMS["dingtalk"](), SMALL), tmp_path)
    assert ("no such luck" in capsys.readouterr().err) == ("luck" in code)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_what_is_not_installed_is_left_out_unless_it_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], platform: str
) -> None:
    monkeypatch.setenv("TRIO_BRIDGE_NODE", "node")
    monkeypatch.delenv("TRIO_BRIDGE_NODE_MODULES", raising=False)
    assert "node-sdk" not in [subject.name for subject in choose(platform, None)]
    assert "left out: node-sdk" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="TRIO_BRIDGE_NODE_MODULES"):
        choose(platform, ["node-sdk"])


def test_an_sdk_may_have_an_interpreter_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIO_BRIDGE_LARK_PYTHON", "/lark/bin/python")
    [subject] = choose("feishu", ["python-sdk"])
    assert subject.command() == ["/lark/bin/python", "-m", "benchmarks.flood.subjects.feishu_sdk"]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("--count=9", "--count: expected 10 or more"),
        ("--repeat=0", "--repeat: expected 1 or more"),
        ("--window=many", "--window: invalid number value: 'many'"),
        ("--subjects=floor,ceiling", "--subjects: unknown: ceiling; there are floor, memory"),
    ],
)
def test_what_makes_no_sense_is_said_at_once(capsys: pytest.CaptureFixture[str], asked: str, said: str) -> None:
    with pytest.raises(SystemExit):
        main(["flood", asked])
    assert said in capsys.readouterr().err

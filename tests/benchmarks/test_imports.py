"""What an import costs, as the harness sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import __main__
from benchmarks.imports import IMPORTED, Imported, Weight, medians


def test_imports_are_weighed_and_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing, something = IMPORTED[0], Imported("json", "a module", ("json", "decimal"))
    missing = Imported("missing", "another", ("missing",), "no-such-package")
    monkeypatch.setattr(__main__, "IMPORTED", (nothing, something, missing))
    written = tmp_path / "figures.json"
    assert __main__.main(["imports", "--repeat", "2", "--json", str(written)]) == 0

    figures = json.loads(written.read_text())
    assert [run["name"] for run in figures["runs"]] == ["python", "json"] * 2
    python, module = figures["figures"]["python"], figures["figures"]["json"]
    assert module["seconds"] > python["seconds"]
    assert 1 < python["memory"] < module["memory"] < 60
    said = capsys.readouterr().out
    assert f" {module['memory']:.0f} |" in next(line for line in said.splitlines() if "a module" in line)
    assert "another" not in said


def test_of_several_rounds_the_middle_counts() -> None:
    weights = [Weight("a", seconds, seconds / 2, 10 - seconds) for seconds in (3.0, 1.0, 2.0)]
    assert medians(weights) == {"a": Weight("a", 2.0, 1.0, 8.0)}

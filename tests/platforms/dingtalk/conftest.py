"""Recorded frames and replies, and an account to play them to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parents[2] / "data" / "dingtalk"


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """``vector`` is each recorded frame, ``rest_case`` each recorded reply."""
    for argument, name in (("vector", "server_frames.jsonl"), ("rest_case", "rest_cases.jsonl")):
        if argument in metafunc.fixturenames:
            rows = lines(name)
            metafunc.parametrize(argument, rows, ids=[row["name"] for row in rows])


@pytest.fixture(scope="session")
def frames() -> dict[str, str]:
    """The recorded frames by name."""
    return {row["name"]: row["frame"] for row in lines("server_frames.jsonl")}

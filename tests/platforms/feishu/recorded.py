"""Recorded events and frames, as rows of JSON lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "data" / "feishu"


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def payload(name: str) -> dict[str, Any]:
    """What was sent in one of the recorded events."""
    [row] = [row for row in lines("events.jsonl") if row["name"] == name]
    sent: dict[str, Any] = row["payload"]
    return sent

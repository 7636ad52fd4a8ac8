"""Recorded events and frames, as rows of JSON lines."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "data" / "feishu"


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


@functools.cache
def _events() -> dict[str, str]:
    rows = (DATA / "events.jsonl").read_text(encoding="utf-8").splitlines()
    return {json.loads(row)["name"]: row for row in rows}


def payload(name: str) -> dict[str, Any]:
    """What was sent in one of the recorded events: a copy, to be changed."""
    sent: dict[str, Any] = json.loads(_events()[name])["payload"]
    return sent

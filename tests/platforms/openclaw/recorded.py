"""What two real gateways answered and told, one that speaks protocol 3 and one that speaks protocol 4."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "data" / "openclaw"
P3, P4 = "2026.5.3-1", "2026.9.6"


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


ANSWERS = _lines("answers.jsonl")
EVENTS = _lines("events.jsonl")


def answers(gateway: str, method: str) -> list[Any]:
    """The payloads of what this gateway granted, in the order in which it did."""
    return [row["payload"] for row in ANSWERS if row["gateway"] == gateway and row["method"] == method and row["ok"]]


def answer(gateway: str, method: str, which: int = 0) -> Any:
    """One of them."""
    return answers(gateway, method)[which]


def events(gateway: str, name: str) -> list[Mapping[str, Any]]:
    """The payloads of the events of this name."""
    return [row["payload"] for row in EVENTS if row["gateway"] == gateway and row["event"] == name]

"""What two real gateways answered and told, one that speaks protocol 3 and one that speaks protocol 4."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import trio

from trio_bridge import BridgeError
from trio_bridge.platforms.openclaw.api.asking import Caller
from trio_bridge.platforms.openclaw.api.unsupported import Unsupported
from trio_bridge.platforms.openclaw.hello import Hello

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


class Desk:
    """A gateway that answers as it did when it was recorded, or as it is told to."""

    def __init__(self, gateway: str = P4, *, methods: Iterable[str] | None = None) -> None:
        self.gateway = gateway
        self.hello: Hello | None = Hello(
            protocol=3 if gateway == P3 else 4,
            server_version=gateway,
            methods=frozenset({row["method"] for row in ANSWERS if row["gateway"] == gateway and row["ok"]})
            if methods is None
            else frozenset(methods),
        )
        self.last_hello: Hello | None = None
        """What it said before, where it says nothing any more."""
        self.answers: dict[str, Any] = {}
        """What is answered in place of what was recorded: a payload, or an error to raise."""
        self.asked: list[tuple[str, Any, bool]] = []
        """Method, parameters, and whether it may be asked again."""
        self.unsupported = Unsupported()
        self.caller = Caller(self.request, lambda: self.hello, lambda: self.hello or self.last_hello, self.unsupported)

    async def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        when_ready: bool = False,
        idempotent: bool = False,
        answer_within: float | None = None,
    ) -> Any:
        await trio.lowlevel.checkpoint()
        self.asked.append((method, params, idempotent))
        said = self.answers[method] if method in self.answers else answer(self.gateway, method)
        if isinstance(said, BridgeError):
            raise said
        return said

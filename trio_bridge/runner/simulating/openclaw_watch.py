"""Everything that happens at a simulated OpenClaw Gateway becomes news."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...platforms.openclaw.gateway.runs import Run
from ...testing.openclaw import OpenClawSimulator, SimulatedConnection
from .news import News, Tell

LONGEST = 60
"""Characters of a text that are told where it is only named."""
QUIET = frozenset({"connect", "chat.send", "sessions.send"})
"""What is told otherwise than as a call."""


class Watcher:
    """Tells of what happened as soon as it has. ``runs`` are those that an agent took up."""

    def __init__(self, gateway: OpenClawSimulator, runs: Sequence[Run], tell: Tell) -> None:
        self._gateway = gateway
        self._runs = runs
        self._tell = tell
        self._asked = self._opened = self._begun = self._requests = 0
        self._new: list[SimulatedConnection] = []
        self._live: list[SimulatedConnection] = []
        self._running: dict[int, Run] = {}

    async def run(self) -> None:
        """Tell until cancelled."""
        while True:
            await self._gateway.wait_until(self.look)

    def look(self) -> bool:
        """Tell of what was not told yet."""
        self._connections()
        for request in self._gateway.devices.requests[self._requests :]:
            self._requests += 1
            words = f"the device {request.claim.device_id[:12]} waits for approval: {request.reason}"
            facts = {"request": request.id, "device": request.claim.device_id, "reason": request.reason}
            self._say("waiting", words, **facts)
        for asked in self._gateway.asked[self._asked :]:
            self._asked += 1
            if asked.method not in QUIET:
                self._say("called", f"{asked.method} was called", method=asked.method)
        for number, run in enumerate(self._runs[self._begun :], self._begun + 1):
            self._begun = number
            self._running[number] = run
            words = f"question {number} in {run.session.key}: {run.text}"
            self._say("asked", words, question=number, session=run.session.key, text=run.text, key=run.key)
        for number, run in [each for each in self._running.items() if each[1].over]:
            del self._running[number]
            self._ended(number, run)
        return False

    def _connections(self) -> None:
        self._new += self._gateway.opened[self._opened :]
        self._opened = len(self._gateway.opened)
        for connection in [each for each in self._new if each.ready]:
            self._new.remove(connection)
            self._live.append(connection)
            scopes = list(connection.scopes)
            words = f"{_name(connection)} connected with its {connection.method}: {', '.join(scopes) or 'no scopes'}"
            self._say("connected", words, connection=connection.id, method=connection.method, scopes=scopes)
        for connection in [each for each in self._new if each.ended_with]:
            self._new.remove(connection)
            self._gone("refused", connection, "somebody was not let in")
        for connection in [each for each in self._live if each.ended_with]:
            self._live.remove(connection)
            self._gone("disconnected", connection, f"the connection of {_name(connection)} is over")

    def _gone(self, event: str, connection: SimulatedConnection, words: str) -> None:
        ending = connection.ended_with
        code, reason = (ending.code, ending.reason) if ending else (None, "")
        self._say(event, f"{words}: {code} {reason}".rstrip(), connection=connection.id, code=code, reason=reason)

    def _ended(self, number: int, run: Run) -> None:
        took = round((run.ended_ms - run.sent_ms) / 1000, 3)
        facts: dict[str, Any] = {"question": number, "standing": run.standing, "text": run.visible, "after": took}
        if run.standing == "final":
            self._say("answered", f"question {number}: answered after {took:g} s: {run.visible}", **facts)
        else:
            self._say("ended", f"question {number}: {run.standing} after {took:g} s", **facts)

    def _say(self, event: str, words: str, **facts: Any) -> None:
        self._tell(News(event, words, facts))


def excerpt(text: str) -> str:
    """The beginning of a text."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _name(connection: SimulatedConnection) -> str:
    client = connection.client
    return str(client.get("displayName") or client.get("id"))

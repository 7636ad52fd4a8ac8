"""Recorded talks with agents, replayed against a gateway of ours, and what of them is compared.

Times of the recordings are those of real agents: ours thinks as long before its first word, and is as quick then. How
many deltas there are, and what else is told of the progress of a run, depends on the clock and is not compared.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from tests.platforms.openclaw.replaying import DATA, PERSONALITIES, Recording, Replay
from trio_bridge.platforms.openclaw.gateway.gateway import Gateway
from trio_bridge.platforms.openclaw.gateway.script import Fail, Pause, Question, Reply, Say
from trio_bridge.platforms.openclaw.gateway.settings import Settings

TOKEN = "gateway-token-0123456789abcdef"
THINKS_FOR = {3: 0.7, 4: 0.15}
FIRST_PICTURE = 6.7
"""Seconds that the recorded gateway of protocol 3 took for the first picture of its life."""
GIVES_UP_AFTER = {3: 50.0, 4: 75.0}
LINES = [json.loads(line) for line in (DATA / "talk.jsonl").read_text(encoding="utf-8").splitlines()]
CASES = sorted({(line["gateway"], line["case"]) for line in LINES})

Told = tuple[Any, ...]


def provider(protocol: int) -> Any:
    """The model that stood behind the recorded gateways: its first word says what it does."""

    def respond(question: Question) -> Reply:
        word, _, rest = question.text.partition(" ")
        match word:
            case "ERR500":
                return [Fail(after=GIVES_UP_AFTER[protocol])]
            case "SILENT" if not question.again:
                return "NO_REPLY"
            case "LONG":
                words, pause = [f"word{n} " for n in range(200)], 0.1
            case "ECHO":
                words, pause = [f"{each} " for each in rest.split()], 0.03
            case _:
                words, pause = ["Hello ", "from ", "a ", "model. "], 0.03
        think = Pause(FIRST_PICTURE if (protocol, rest) == (3, "image") else THINKS_FOR[protocol])
        said = [step for each in words for step in (Say(each), Pause(pause))]
        return [think, *said]

    return respond


def recordings(gateway: str) -> list[Recording]:
    """All talks with one gateway, in the order in which they began."""
    cases: dict[str, list[Mapping[str, Any]]] = {}
    for line in LINES:
        if line["gateway"] == gateway:
            cases.setdefault(line["case"], []).append(line)
    found = []
    for case, lines in cases.items():
        (challenge,) = (line for line in lines if line.get("frame", {}).get("event") == "connect.challenge")
        found.append(Recording(gateway, case, challenge["frame"]["payload"]["ts"] / 1000 - challenge["t"], lines))
    return sorted(found, key=lambda each: each.begun_at)


@cache
def replayed(release: str) -> Mapping[str, Any]:
    """What our gateway said on each connection."""
    protocol = PERSONALITIES[release]
    gateway = Gateway(Settings(protocol=protocol, token=TOKEN))
    gateway.rooms.turns.responder = provider(protocol)
    if protocol == 4:
        gateway.rooms.checkpoints.refuses_to_compact = "Compaction safeguard finalized summary failed quality checks."
    replay = Replay(gateway)
    replay.play(recordings(release))
    return replay.all


def answers(frames: list[Any]) -> dict[str, Any]:
    """What was answered, by the ids of the requests."""
    return {frame["id"]: frame for frame in frames if frame["type"] == "res"}


def courses(frames: list[Any]) -> list[list[Told]]:
    """What was said of each run, in order and everything once, in the order in which the runs were first heard of."""
    runs: dict[str, dict[Told, None]] = {}
    for run_id, line in _told(frames):
        runs.setdefault(run_id, {})[line] = None
    return [list(lines) for lines in runs.values()]


def _told(frames: list[Any]) -> Iterator[tuple[str, Told]]:
    for frame in frames:
        payload = frame.get("payload")
        match frame:
            case {"type": "res", "payload": {"runId": run_id, "status": status}}:
                yield run_id, ("answered", frame["ok"], status)
            case {"event": "chat", "payload": {"runId": run_id, "state": state}} if state != "status":
                details = {name for name in ("message", "deltaText", "errorMessage", "errorDetail") if name in payload}
                yield run_id, (state, payload.get("stopReason"), frozenset(details))
            case {"event": "agent", "payload": {"runId": run_id, "stream": "lifecycle", "data": {"phase": phase}}}:
                if phase in ("start", "end", "error"):
                    yield run_id, ("lifecycle", phase)


def outcome(frame: Any) -> Told:
    """What an answer comes to."""
    error = frame.get("error") or {}
    details = error.get("details") or {}
    payload = frame.get("payload")
    status = payload.get("status") if isinstance(payload, dict) else None
    aborted = payload.get("aborted") if isinstance(payload, dict) else None
    return (frame["ok"], error.get("code"), details.get("reason") or details.get("code"), status, aborted)

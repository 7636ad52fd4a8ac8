"""What a session's history says of one question: whether it was taken, and what was answered.

Newer gateways write our key into the rows. Of older ones we know the question by its words, and by when it was asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import attrs

from ....wire.jsontext import word
from ..reading import Fields
from .tracker import text_of

SILENT: Final = "NO_REPLY"
"""What a model says that does not want to say anything."""

SYSTEM: Final = "[System]"
"""How a text begins that the gateway itself says to the model, in a user's place: that it was restarted."""

TOLERANCE: Final = 2.0
"""Seconds by which the gateway's clock and what we know of it may differ."""


@attrs.frozen
class Told:
    """What a history tells of a question."""

    question: Literal["absent", "waiting", "answered", "aborted", "failed"]
    text: str = attrs.field(default="", repr=False)
    runs: tuple[str, ...] = ()
    """Under which names the session is being answered at this moment, where the gateway says so."""
    running_text: str = attrs.field(default="", repr=False)
    idle: bool = False
    """The gateway says that nothing goes on in the session."""
    goes_on: bool = False
    """It says that something does, or will: after a restart it takes up session after session."""


def told_of(history: Any, *, key: str, text: str, asked_at: float) -> Told:
    """Look for a question in what ``chat.history`` answered. ``asked_at``: by the gateway's clock."""
    said = _part(history)
    rows = [row for row in _list(said.get("messages")) if isinstance(row, Mapping)]
    runs, running_text = _running(said)
    goes_on, idle = _state_of(said)
    asked = _question(rows, key, text, asked_at)
    answers = _own_answers(rows, key) if asked is None else _answers_behind(rows, asked)
    if answers and not runs:
        return _end_of(answers[-1])
    if asked is None and key not in runs:
        return Told("absent", "", runs, running_text, idle and not runs, goes_on)
    return Told("waiting", "", runs, running_text, idle and not runs, goes_on)


def _running(history: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    """Who is at work in the session, and what is written so far."""
    in_flight, session = _part(history.get("inFlightRun")), _part(history.get("sessionInfo"))
    named = [word(run_id) for run_id in _list(session.get("activeRunIds"))]
    runs = tuple(dict.fromkeys(filter(None, [word(in_flight.get("runId")), *named])))
    return runs, word(in_flight.get("text"))


def _state_of(history: Mapping[str, Any]) -> tuple[bool, bool]:
    """Whether the gateway says that something goes on in the session, and whether it says that nothing does."""
    session = _part(history.get("sessionInfo"))
    goes_on = session.get("status") == "running"
    return goes_on, not goes_on and session.get("hasActiveRun") is False


def _end_of(answer: Mapping[str, Any]) -> Told:
    said = (text_of(answer) or "").rstrip()  # as streams have it
    if answer.get("stopReason") == "error":
        return Told("failed", said)
    if answer.get("stopReason") == "aborted" or _key(answer).endswith(":assistant"):
        return Told("aborted", said)
    return Told("answered", "" if said.strip() == SILENT else said)


def _question(rows: Sequence[Mapping[str, Any]], key: str, text: str, asked_at: float) -> int | None:
    """Where the question stands."""
    keyed = False
    for index in reversed(range(len(rows))):
        row = rows[index]
        if row.get("role") != "user":
            continue
        if given := _key(row):
            keyed = True
            if given in (key, f"{key}:user"):
                return index
        elif not keyed and text_of(row) == text and _at(row) >= asked_at - TOLERANCE:
            return index
    return None


def _own_answers(rows: Sequence[Mapping[str, Any]], key: str) -> list[Mapping[str, Any]]:
    """Answers that say themselves whose they are."""
    return [row for row in rows if _inner(row).get("runId") == key and _is_end(row)]


def _answers_behind(rows: Sequence[Mapping[str, Any]], asked: int) -> list[Mapping[str, Any]]:
    """What was answered behind a question, before somebody asked the next one."""
    answers: list[Mapping[str, Any]] = []
    for row in rows[asked + 1 :]:
        if row.get("role") == "user" and not (text_of(row) or "").startswith(SYSTEM):
            break
        if _is_end(row):
            answers.append(row)
    return answers


def _is_end(row: Mapping[str, Any]) -> bool:
    """Whether a row ends an answer: what an assistant says before it calls a tool does not."""
    if row.get("role") != "assistant":
        return False
    reason = row.get("stopReason")
    return reason in ("error", "aborted") or (reason in (None, "stop", "end_turn", "length") and bool(text_of(row)))


def _key(row: Mapping[str, Any]) -> str:
    return word(row.get("idempotencyKey")) or word(_inner(row).get("idempotencyKey"))


def _inner(row: Mapping[str, Any]) -> Mapping[str, Any]:
    return _part(row.get("__openclaw"))


def _at(row: Mapping[str, Any]) -> float:
    return Fields(row).moment("timestamp") or 0.0


def _part(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []

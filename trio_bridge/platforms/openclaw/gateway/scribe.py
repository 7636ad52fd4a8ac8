"""When what of a run stands in the history of its session.

Protocol 4 writes a question when an agent takes it up, and once, however often it was sent. It writes an answer before
it says that the run is over, a part of one if the run was aborted, and a sentence of its own if it failed. Protocol 3
writes an answer a little after it was said, and with the first answer of a session the question before it.
"""

from __future__ import annotations

from .methods import House
from .runs import Run
from .sessions import Sessions

BROKEN = "The agent run failed before producing a reply."


class Scribe:
    """Writes histories."""

    def __init__(self, house: House, sessions: Sessions) -> None:
        self._house = house
        self._sessions = sessions

    def begun(self, run: Run, asker: Run) -> None:
        """A run takes up a question: its own, or that of another."""
        if self._modern or any(row.role == "assistant" for row in run.session.rows):
            self._write_question(run, asker)
        else:
            run.to_note.append(asker)

    def over(self, run: Run) -> None:
        """A run has ended."""
        if self._modern:
            self._write_answer(run)

    def settled(self, run: Run) -> None:
        """Its session is free again."""
        if not self._modern:
            for asker in run.to_note:
                self._write_question(run, asker)
            run.to_note.clear()
            self._write_answer(run)

    def _write_question(self, run: Run, asker: Run) -> None:
        if asker.noted:
            return
        asker.noted = True
        key = f"{asker.key}:user"
        if not self._modern or all(row.key != key for row in run.session.rows):
            self._sessions.write(run.session, "user", asker.text, key=key, at_ms=asker.sent_ms)

    def _write_answer(self, run: Run) -> None:
        session, text, at_ms = run.session, run.answer, run.ended_ms
        match run.standing:
            case "final" if run.visible:
                self._sessions.write(session, "assistant", text, run_id=run.id, at_ms=at_ms)
            case "aborted" if run.visible:
                key, reason = f"{run.id}:assistant", "stop" if self._modern else "aborted"
                self._sessions.write(
                    session, "assistant", text, run_id=run.id, key=key, at_ms=at_ms, stop_reason=reason
                )
            case "failed" if self._modern:
                key = f"{run.id}:terminal-error"
                self._sessions.write(session, "assistant", BROKEN, run_id=run.id, key=key, stop_reason="error")

    @property
    def _modern(self) -> bool:
        return self._house.protocol == 4

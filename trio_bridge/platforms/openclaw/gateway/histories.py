"""What a session remembers, as operators read it: ``chat.history`` and ``chat.message.get``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .methods import INVALID_REQUEST, READ, Catalogue, Entry, House, Peer, Refusal
from .params import Shape
from .room import QuietRoom
from .runs import Run
from .sessions import Session, Sessions, row_shape
from .turns import Turns

MAX_ROWS = 1000
ROWS = 200
"""Rows of a history where no limit is given."""

HISTORY_3 = Shape("chat.history", {"sessionKey": str}, {"limit": int})
HISTORY_4 = attrs.evolve(HISTORY_3, optional={"limit": int, "offset": int})
MESSAGE_GET = Shape("chat.message.get", {"sessionKey": str, "messageId": str})


class Histories(QuietRoom):
    """Reads sessions back. Protocol 4 says, too, what is at work in them."""

    def __init__(self, house: House, sessions: Sessions, turns: Turns) -> None:
        super().__init__(house)
        self._sessions = sessions
        self._turns = turns

    def methods(self) -> Catalogue:
        history = {"chat.history": Entry(self._history, READ)}
        return {**history, "chat.message.get": Entry(self._message, READ)} if self._modern else history

    def _history(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        (HISTORY_4 if self._modern else HISTORY_3).check(params)
        limit = params.get("limit", ROWS)
        if not 1 <= limit <= MAX_ROWS:
            bound = "must be >= 1" if limit < 1 else f"must be <= {MAX_ROWS}"
            raise Refusal(INVALID_REQUEST, f"invalid chat.history params: at /limit: {bound}")
        given = params["sessionKey"]
        session = self._sessions.find(given)
        rows = session.rows if session else []
        end = max(0, len(rows) - params.get("offset", 0))
        begin = max(0, end - limit)
        answer: dict[str, Any] = {"sessionKey": given}  # as it was asked for
        if session is not None:
            answer["sessionId"] = session.id
        answer["messages"] = [row_shape(row, modern=self._modern) for row in rows[begin:end]]
        if not self._modern:
            return {**answer, "thinkingLevel": "off"}
        answer |= {"hasMore": begin > 0, "totalMessages": len(rows)}
        if begin > 0:
            answer["nextOffset"] = len(rows) - begin
        return answer | self._at_work(self._sessions.key_of(given), session)

    def _at_work(self, key: str, session: Session | None) -> dict[str, Any]:
        """What runs in a session, or will: a run that is taken up again is named before it begins."""
        run = self._turns.active(session) if session is not None else None
        info: dict[str, Any] = {"key": key, "agentId": key.split(":")[1], "hasActiveRun": run is not None}
        info["activeRunIds"] = [] if run is None else [run.id]
        if session is not None and session.status is not None:
            was_cut = session.status == "running" if run is None else run.resumes
            info |= {"status": session.status, "abortedLastRun": was_cut}
        pending = [] if run is None or run.standing == "running" else [_pending(run)]
        answer: dict[str, Any] = {"sessionInfo": info, "pendingInputs": {"items": pending, "total": len(pending)}}
        if run is not None and run.standing == "running":
            answer["inFlightRun"] = {"runId": run.id, "text": run.visible, "startedAt": run.sent_ms, "events": []}
        return answer

    def _message(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        MESSAGE_GET.check(params)
        session = self._sessions.find(params["sessionKey"])
        for row in session.rows if session else ():
            if row.id == params["messageId"]:
                return {"ok": True, "message": row_shape(row, modern=True)}
        return {"ok": False, "unavailableReason": "not_found"}


def _pending(run: Run) -> Mapping[str, Any]:
    return {"state": "queued", "runId": run.id, "message": {"role": "user", "content": run.text}}

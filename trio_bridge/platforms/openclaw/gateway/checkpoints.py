"""Sessions made shorter: ``sessions.compact``, its checkpoints (protocol 3) and branches (protocol 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .methods import ADMIN, INVALID_REQUEST, READ, WRITE, Catalogue, Entry, House, Peer, Refusal
from .notices import SessionNotices
from .params import Shape
from .room import QuietRoom
from .sessions import Checkpoint, Row, Session, Sessions

SUMMARY_LENGTH = 80
NOTHING = "Nothing to compact (session too small)"

_POINT: Mapping[str, type] = {"key": str, "checkpointId": str}
COMPACT = Shape("sessions.compact", {"key": str}, {"maxLines": int})
LIST = Shape("sessions.compaction.list", {"key": str})
GET = Shape("sessions.compaction.get", _POINT)
BRANCH = Shape("sessions.compaction.branch", _POINT)
RESTORE = Shape("sessions.compaction.restore", _POINT)
BRANCHES_LIST = Shape("sessions.branches.list", {"sessionKey": str})
BRANCHES_SWITCH = Shape("sessions.branches.switch", {"sessionKey": str, "leafEntryId": str})


class Checkpoints(QuietRoom):
    """Compacts sessions and finds back what they were."""

    def __init__(self, house: House, sessions: Sessions, told: SessionNotices) -> None:
        super().__init__(house)
        self._sessions = sessions
        self._told = told
        self.refuses_to_compact: str | None = None
        """Why no session can be compacted, if none can: the answer is ``ok``, what it says is not."""

    def methods(self) -> Catalogue:
        compact = {"sessions.compact": Entry(self._compact, ADMIN)}
        if self._modern:
            return compact | {
                "sessions.branches.list": Entry(self._branches, READ),
                "sessions.branches.switch": Entry(self._switch, ADMIN),
            }
        return compact | {
            "sessions.compaction.list": Entry(self._list, READ),
            "sessions.compaction.get": Entry(self._get, READ),
            "sessions.compaction.branch": Entry(self._branch, WRITE),
            "sessions.compaction.restore": Entry(self._restore, ADMIN),
        }

    def _compact(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        COMPACT.check(params)
        session, key = self._sessions.find(params["key"]), self._sessions.key_of(params["key"])
        operation = self._house.new_id()
        if session is None or len(session.rows) < 2:
            return {"ok": False, "key": key, "compacted": False, "reason": NOTHING}
        if self._modern:
            self._told.operation(session, "start", operation)
        if self.refuses_to_compact is not None:
            reason = self.refuses_to_compact
            if self._modern:
                self._told.operation(session, "end", operation, completed=False, reason=reason)
            return {"ok": False, "key": key, "compacted": False, "reason": reason}
        point = self._shorten(session)
        if self._modern:
            self._told.operation(session, "end", operation, completed=True)
        self._told.changed("compact", session, compacted=True)
        return {"ok": True, "key": key, "compacted": True, "result": _measured(point, session.rows)}

    def _shorten(self, session: Session) -> Checkpoint:
        rows = tuple(session.rows)
        summary = f"{len(rows)} messages, the first: {rows[0].text[:SUMMARY_LENGTH]}"
        point = Checkpoint(self._house.new_id(), session.id, self._house.now_ms(), rows, summary)
        session.checkpoints.insert(0, point)
        session.rows = [rows[-1]]
        return point

    # Checkpoints, on protocol 3.

    def _list(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        LIST.check(params)
        session, key = self._sessions.find(params["key"]), self._sessions.key_of(params["key"])
        points = session.checkpoints if session else []
        return {"ok": True, "key": key, "checkpoints": [_shape(key, point) for point in points]}

    def _get(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        GET.check(params)
        session, point = self._find(params)
        return {"ok": True, "key": session.key, "checkpoint": _shape(session.key, point)}

    def _branch(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        BRANCH.check(params)
        session, point = self._find(params)
        branch = self._sessions.open(f"agent:{session.agent}:dashboard:{self._house.new_id()}")
        branch.rows = list(point.rows)
        self._told.changed("checkpoint-branch", branch)
        names = {"sourceKey": session.key, "key": branch.key, "sessionId": branch.id}
        return {"ok": True, **names, "checkpoint": _shape(session.key, point)}

    def _restore(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        RESTORE.check(params)
        session, point = self._find(params)
        session.id, session.rows = self._house.new_id(), list(point.rows)
        self._told.changed("checkpoint-restore", session)
        names = {"key": session.key, "sessionId": session.id}
        return {"ok": True, **names, "checkpoint": _shape(session.key, point)}

    def _find(self, params: Mapping[str, Any]) -> tuple[Session, Checkpoint]:
        session = self._sessions.find(params["key"])
        for point in session.checkpoints if session else ():
            if session is not None and point.id == params["checkpointId"]:
                return session, point
        raise Refusal(INVALID_REQUEST, f"checkpoint not found: {params['checkpointId']}")

    # Branches, on protocol 4.

    def go_back(self, session_key: str, kept: int) -> None:
        """Have a session go on behind its first rows; what came after them is another branch."""
        session = self._sessions.open(session_key)
        session.branches.append(session.rows)
        session.rows = session.rows[:kept]

    def _branches(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        BRANCHES_LIST.check(params)
        session = self._sessions.find(params["sessionKey"])
        if session is None:
            return {"branches": []}
        ways = [session.rows, *session.branches]
        return {"branches": [_branch_shape(rows, active=n == 0) for n, rows in enumerate(ways) if rows]}

    def _switch(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        BRANCHES_SWITCH.check(params)
        session = self._sessions.find(params["sessionKey"])
        leaf = params["leafEntryId"]
        for rows in (session.rows, *session.branches) if session else ():
            if session is not None and rows and rows[-1].id == leaf:
                if rows is not session.rows:
                    session.branches[session.branches.index(rows)] = session.rows
                    session.rows = rows
                    self._told.changed("branch-switch", session)
                return {"ok": True, "sessionKey": session.key, "leafEntryId": leaf}
        raise Refusal(INVALID_REQUEST, f"branch not found: {leaf}")


def _tokens(rows: Sequence[Row]) -> int:
    return sum(len(row.text.split()) for row in rows)


def _measured(point: Checkpoint, rows: Sequence[Row]) -> Mapping[str, Any]:
    kept = {"firstKeptEntryId": rows[0].id, "tokensBefore": _tokens(point.rows), "tokensAfter": _tokens(rows)}
    return {"summary": point.summary, **kept}


def _shape(key: str, point: Checkpoint) -> Mapping[str, Any]:
    names = {"checkpointId": point.id, "sessionKey": key, "sessionId": point.session_id, "createdAt": point.at_ms}
    return {**names, "reason": "manual", **_measured(point, [point.rows[-1]])}


def _branch_shape(rows: Sequence[Row], *, active: bool) -> Mapping[str, Any]:
    leaf = rows[-1]
    headline = leaf.text.strip()[:SUMMARY_LENGTH]
    return {"leafEntryId": leaf.id, "headline": headline, "messageCount": len(rows), "active": active}

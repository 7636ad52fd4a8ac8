"""Who is told of what happens in sessions: those that subscribed, for as long as their connection lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .methods import House, Peer
from .sessions import MAIN_KEY, Row, Session, row_shape

ALL = "sessions"
"""The subscription to every session."""
EVENTS = ("session.message", "sessions.changed")


def messages_of(key: str) -> str:
    """The subscription to the messages of one session."""
    return f"session.message:{key}"


class SessionNotices:
    """Tells subscribers. Protocol 3 does not number these events."""

    def __init__(self, house: House) -> None:
        self._house = house

    def changed(self, reason: str, session: Session | None, **more: Any) -> None:
        """Something about a session is other than before; ``None``: about one that is not there."""
        payload: dict[str, Any] = {"reason": reason, "ts": self._house.now_ms(), **more}
        if session is not None:
            payload |= {"sessionKey": session.key}
            if self._modern:
                payload |= {"agentId": session.agent}
            if reason != "delete":
                row = session_row(session, modern=self._modern)
                payload |= {"session": row} if self._modern else {k: v for k, v in row.items() if k != "key"}
        self._tell("sessions.changed", payload, lambda peer: ALL in peer.subscriptions)

    def message(self, session: Session, row: Row) -> None:
        """There is a row more. On protocol 4 those hear of it, too, who subscribed to all sessions."""
        payload: dict[str, Any] = {"sessionKey": session.key}
        if self._modern:
            payload |= {"agentId": session.agent}
        payload |= {"message": row_shape(row, modern=self._modern), "messageId": row.id, "messageSeq": row.seq}
        payload |= {"session": session_row(session, modern=self._modern)}
        wanted = {messages_of(session.key), *([ALL] if self._modern else [])}
        self._tell("session.message", payload, lambda peer: not wanted.isdisjoint(peer.subscriptions))

    def operation(self, session: Session, phase: str, operation_id: str, **more: Any) -> None:
        """A session is being compacted, or was (protocol 4)."""
        payload: dict[str, Any] = {"operationId": operation_id, "operation": "compact", "phase": phase}
        payload |= {"sessionKey": session.key}
        payload |= {"agentId": session.agent, **more, "ts": self._house.now_ms()}
        self._tell("session.operation", payload, lambda peer: ALL in peer.subscriptions)

    def _tell(self, event: str, payload: Mapping[str, Any], to: Callable[[Peer], bool]) -> None:
        self._house.broadcast(event, payload, to=to, numbered=self._modern)

    @property
    def _modern(self) -> bool:
        return self._house.protocol == 4


def session_row(session: Session, *, modern: bool) -> dict[str, Any]:
    """A session as lists have it."""
    row: dict[str, Any] = {"key": session.key, "kind": "direct", "sessionId": session.id}
    row |= {"updatedAt": session.updated_ms, "hasActiveRun": session.status == "running"}
    row |= {"modelProvider": session.provider, "model": session.model}
    if session.label is not None:
        row |= {"label": session.label, "displayName": session.label}
    if session.status is not None:
        row |= {"status": session.status}
    if modern:
        is_main = session.key == f"agent:{session.agent}:{MAIN_KEY}"
        row |= {"agentId": session.agent, "createdAt": session.created_ms, "isMain": is_main}
        row |= {"archived": False, "pinned": False, "unread": False}
    return row

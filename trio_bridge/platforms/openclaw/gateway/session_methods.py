"""Sessions as operators see and change them: ``sessions.*``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import notices
from .methods import ADMIN, INVALID_REQUEST, READ, WRITE, Catalogue, Entry, House, Peer, Refusal
from .notices import ALL, SessionNotices, messages_of, session_row
from .params import Shape
from .room import QuietRoom
from .sessions import MODEL, PROVIDER, Session, Sessions, row_shape
from .turns import Turns

ROWS = 100
"""Sessions of a list where no limit is given."""
PREVIEW_ITEMS = 12

_KEY: Mapping[str, type] = {"key": str}
LISTED = {"limit": int, "offset": int, "search": str, "label": str, "agentId": str}
LIST = Shape("sessions.list", {}, LISTED)
SUBSCRIBE = Shape("sessions.subscribe", {}, LISTED)
UNSUBSCRIBE = Shape("sessions.unsubscribe")
MESSAGES_SUBSCRIBE = Shape("sessions.messages.subscribe", _KEY)
MESSAGES_UNSUBSCRIBE = Shape("sessions.messages.unsubscribe", _KEY)
CREATE = Shape("sessions.create", {}, {"key": str, "label": str, "agentId": str, "model": str, "parentSessionKey": str})
DESCRIBE = Shape("sessions.describe", _KEY)
RESOLVE = Shape("sessions.resolve", {}, {"key": str, "sessionId": str, "label": str, "agentId": str})
PREVIEW = Shape("sessions.preview", {"keys": list}, {"limit": int, "maxChars": int})
PATCH = Shape("sessions.patch", _KEY, {"label": str, "model": str, "thinkingLevel": str, "verboseLevel": str})
RESET = Shape("sessions.reset", _KEY, {"reason": str})
DELETE = Shape("sessions.delete", _KEY, {"deleteTranscript": bool})
USAGE = Shape("sessions.usage", {}, {"key": str, "limit": int, "startDate": str, "endDate": str})
GET = Shape("sessions.get", {}, {"key": str, "sessionKey": str, "limit": int})


class SessionMethods(QuietRoom):
    """Lists, makes, names, empties and removes sessions, and tells of them."""

    def __init__(self, house: House, sessions: Sessions, turns: Turns, told: SessionNotices) -> None:
        super().__init__(house)
        self._sessions = sessions
        self._turns = turns
        self._told = told

    def methods(self) -> Catalogue:
        common = {
            "sessions.list": Entry(self._list, READ),
            "sessions.subscribe": Entry(self._subscribe, READ),
            "sessions.messages.subscribe": Entry(self._subscribe_messages, READ),
            "sessions.messages.unsubscribe": Entry(self._unsubscribe_messages, READ),
            "sessions.create": Entry(self._create, WRITE),
            "sessions.describe": Entry(self._describe, READ),
            "sessions.resolve": Entry(self._resolve, READ, listed=False),
            "sessions.preview": Entry(self._preview, READ),
            "sessions.patch": Entry(self._patch, WRITE if self._modern else ADMIN),
            "sessions.reset": Entry(self._reset, ADMIN),
            "sessions.delete": Entry(self._delete, ADMIN),
            "sessions.get": Entry(self._get, READ, listed=False),
            "sessions.usage": Entry(self._usage, READ, listed=False),
        }
        return common if self._modern else {**common, "sessions.unsubscribe": Entry(self._unsubscribe, READ)}

    def events(self) -> Sequence[str]:
        return (*notices.EVENTS, "session.operation") if self._modern else notices.EVENTS

    # Hearing of them.

    def _subscribe(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        SUBSCRIBE.check(params)
        peer.subscriptions.add(ALL)
        return {"subscribed": True, **({"list": self._rows(params)} if params and self._modern else {})}

    def _unsubscribe(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        UNSUBSCRIBE.check(params)
        peer.subscriptions.discard(ALL)
        return {"subscribed": False}

    def _subscribe_messages(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        MESSAGES_SUBSCRIBE.check(params)
        key = self._sessions.key_of(params["key"])
        peer.subscriptions.add(messages_of(key))
        return {"subscribed": True, "key": key}

    def _unsubscribe_messages(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        MESSAGES_UNSUBSCRIBE.check(params)
        key = self._sessions.key_of(params["key"])
        peer.subscriptions.discard(messages_of(key))
        return {"subscribed": False, "key": key}

    # Looking at them.

    def _list(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        LIST.check(params)
        return self._rows(params)

    def _rows(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        search = str(params.get("search", "")).lower()
        found = [
            each
            for each in self._sessions
            if (search in each.key or search in (each.label or "").lower())
            and params.get("label", each.label) == each.label
            and params.get("agentId", each.agent) == each.agent
        ]
        limit, offset = params.get("limit", ROWS), params.get("offset", 0)
        shown = found[offset : offset + limit]
        answer: dict[str, Any] = {"ts": self._house.now_ms(), "path": "(multiple)", "count": len(shown)}
        if self._modern:
            more = offset + limit < len(found)
            answer |= {"totalCount": len(found), "limitApplied": limit, "hasMore": more}
            answer |= {"nextOffset": offset + limit if more else None}
        answer["defaults"] = {"modelProvider": PROVIDER, "model": MODEL, "contextTokens": 128_000}
        answer["sessions"] = [session_row(each, modern=self._modern) for each in shown]
        return answer

    def _describe(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        DESCRIBE.check(params)
        session = self._sessions.find(params["key"])
        return {"session": None if session is None else session_row(session, modern=self._modern)}

    def _resolve(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        RESOLVE.check(params)
        key, own_id, label = params.get("key"), params.get("sessionId"), params.get("label")
        for session in self._sessions:
            by_key = key is not None and self._sessions.key_of(key) == session.key
            if (
                by_key
                or (own_id is not None and own_id == session.id)
                or (label is not None and label == session.label)
            ):
                agent = {"agentId": session.agent} if self._modern else {}
                return {"ok": True, "key": session.key, **agent}
        raise Refusal(INVALID_REQUEST, f"No session found: {key or own_id or label}")

    def _preview(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        PREVIEW.check(params)
        limit = params.get("limit", PREVIEW_ITEMS)
        previews = [self._preview_of(str(key), limit) for key in params["keys"]]
        return {"ts": self._house.now_ms(), "previews": previews}

    def _preview_of(self, key: str, limit: int) -> Mapping[str, Any]:
        session = self._sessions.find(key)
        if session is None:
            return {"key": key, "status": "missing", "items": []}
        items = [{"role": row.role, "text": row.text.strip()} for row in session.rows if row.role != "system"][-limit:]
        return {"key": key, "status": "ok" if items else "empty", "items": items}

    def _get(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        GET.check(params)
        session = self._sessions.find(params.get("key") or params.get("sessionKey") or self._sessions.main_key)
        rows = session.rows[-params.get("limit", ROWS) :] if session else []
        return {"messages": [row_shape(row, modern=self._modern) for row in rows]}

    def _usage(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        USAGE.check(params)
        now, shown = self._house.now_ms(), list(self._sessions)[: params.get("limit", ROWS)]
        words = sum(len(row.text.split()) for each in shown for row in each.rows)
        rows = [{"key": each.key, "sessionId": each.id, "agentId": each.agent} for each in shown]
        return {"updatedAt": now, "sessions": rows, "totals": {"totalTokens": words, "totalCost": 0}}

    # Changing them.

    def _create(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        CREATE.check(params)
        agent = params.get("agentId", self._sessions.agents[0])
        session = self._sessions.open(params.get("key") or f"agent:{agent}:dashboard:{self._house.new_id()}")
        self._change(session, params)
        self._told.changed("create", session)
        answer = {"ok": True, "key": session.key, "sessionId": session.id, "entry": _entry(session)}
        return {**answer, "runStarted": False, **({"resolved": _resolved(session)} if self._modern else {})}

    def _patch(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        PATCH.check(params)
        session = self._sessions.open(params["key"])
        self._change(session, params)
        self._told.changed("patch", session)
        entry, resolved = _entry(session), _resolved(session)
        return {"ok": True, "path": "(multiple)", "key": session.key, "entry": entry, "resolved": resolved}

    def _change(self, session: Session, params: Mapping[str, Any]) -> None:
        label, model = params.get("label"), params.get("model")
        if label is not None and any(each.label == label for each in self._sessions if each is not session):
            raise Refusal(INVALID_REQUEST, f"label already in use: {label}")
        session.label = label or session.label
        session.model = model or session.model
        session.updated_ms = self._house.now_ms()

    def _reset(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        RESET.check(params)
        session = self._sessions.open(params["key"])
        self._end_run(session)
        self._sessions.renew(session)
        self._told.changed("reset", session)
        answer = {"ok": True, "key": session.key, "entry": _entry(session)}
        return {**answer, **({"resolved": _resolved(session)} if self._modern else {})}

    def _delete(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        DELETE.check(params)
        key = self._sessions.key_of(params["key"])
        if key == self._sessions.main_key:
            raise Refusal(INVALID_REQUEST, f"Cannot delete the main session ({key}).")
        session = self._sessions.find(key)
        if session is None:
            return {"ok": True, "key": key, "deleted": False, "archived": []}
        self._end_run(session)
        self._sessions.forget(session)
        self._told.changed("delete", session)
        archive = f"/home/user/.openclaw/agents/{session.agent}/sessions/{session.id}.jsonl.deleted"
        return {"ok": True, "key": key, "deleted": True, "archived": [archive]}

    def _end_run(self, session: Session) -> None:
        run = self._turns.active(session)
        if run is not None:
            self._turns.abort(run, "rpc")


def _entry(session: Session) -> dict[str, Any]:
    entry: dict[str, Any] = {"sessionId": session.id, "updatedAt": session.updated_ms}
    return {**entry, "label": session.label} if session.label is not None else entry


def _resolved(session: Session) -> Mapping[str, Any]:
    return {"modelProvider": session.provider, "model": session.model}

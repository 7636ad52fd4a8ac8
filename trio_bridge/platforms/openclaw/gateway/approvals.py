"""What waits for a person's word: ``exec.approval.*``, ``plugin.approval.*``, and ``approval.*`` on protocol 4.

1. A request waits until somebody decides or its time is over; nobody is told of the latter.
2. The first decision stands. The same one again is accepted, another one is refused.
3. On protocol 4 a request about a session is seen by administrators that have the capability and by whoever made it.
   Reviewers who know its id may look at it and decide. With nobody but its maker to see it, it is over at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import attrs

from .methods import ADMIN, APPROVALS, INVALID_REQUEST, Catalogue, Entry, House, Later, Peer, Refusal
from .params import Shape, milliseconds
from .room import QuietRoom

Kind = Literal["exec", "plugin"]
Decision = str

DECISIONS = ("allow-once", "allow-always", "deny")
TIMEOUT = 1_800_000
"""Milliseconds that a request waits where no limit is given."""
KEPT = 15.0
"""Seconds for which a request is still known after its end."""
NOT_FOUND = "APPROVAL_NOT_FOUND"

_ABOUT_EXEC: Mapping[str, type] = {
    "id": str,
    "commandArgv": list,
    "cwd": str,
    "host": str,
    "nodeId": str,
    "security": str,
    "ask": str,
    "agentId": str,
    "sessionKey": str,
    "timeoutMs": int,
    "twoPhase": bool,
}
EXEC_REQUEST_3 = Shape("exec.approval.request", {"command": str}, _ABOUT_EXEC)
EXEC_REQUEST_4 = attrs.evolve(EXEC_REQUEST_3, optional={**_ABOUT_EXEC, "approvalReviewerDeviceIds": list})
PLUGIN_REQUEST = Shape(
    "plugin.approval.request",
    {"title": str, "description": str},
    {"pluginId": str, "severity": str, "toolName": str, "agentId": str, "sessionKey": str, "timeoutMs": int},
)
_NO_MEMBERS = {"timeoutMs", "twoPhase", "id", "approvalReviewerDeviceIds"}
"""Parameters that are not part of what is asked."""


@attrs.define(eq=False)
class Approval:
    """A request, and what was decided."""

    id: str
    kind: Kind
    request: Mapping[str, Any]
    allowed: Sequence[Decision]
    asker: Peer
    created_ms: int
    expires_ms: int
    waiting: list[Later] = attrs.Factory(list)
    """Who is answered when it is over: whoever made it, and whoever else waits for it."""
    decision: Decision | None = None
    decided_ms: int | None = None
    over: bool = False
    decided_by: str | None = None


class Approvals(QuietRoom):
    """Requests of one or the other kind, under one roof."""

    def __init__(self, house: House) -> None:
        super().__init__(house)
        self._known: dict[str, Approval] = {}

    def methods(self) -> Catalogue:
        found = {
            "exec.approval.request": Entry(self._ask_exec, APPROVALS),
            "exec.approval.get": Entry(self._get, APPROVALS),
            "plugin.approval.request": Entry(self._ask_plugin, APPROVALS),
        }
        kinds: Sequence[Kind] = ("exec", "plugin")
        for kind in kinds:
            found[f"{kind}.approval.list"] = Entry(partial(self._list, kind), APPROVALS)
            found[f"{kind}.approval.resolve"] = Entry(partial(self._resolve, kind), APPROVALS)
            found[f"{kind}.approval.waitDecision"] = Entry(partial(self._wait, kind), APPROVALS)
        if self._modern:
            found["approval.get"] = Entry(self._show, APPROVALS)
            found["approval.resolve"] = Entry(self._resolve_any, APPROVALS)
        return found

    def events(self) -> Sequence[str]:
        return [f"{kind}.approval.{what}" for kind in ("exec", "plugin") for what in ("requested", "resolved")]

    def stop(self, *, killed: bool) -> None:
        """Nobody waits any more, and nothing of it is kept."""
        for approval in self._known.values():
            approval.over = True
        self._known.clear()

    # Asking.

    def _ask_exec(self, peer: Peer, params: Mapping[str, Any]) -> Later:
        (EXEC_REQUEST_4 if self._modern else EXEC_REQUEST_3).check(params)
        always = params.get("ask") == "always"  # nothing may be allowed for ever where each one is to be asked for
        allowed = [each for each in DECISIONS if not (always and each == "allow-always")]
        names = ("cwd", "nodeId", "host", "security", "ask", "agentId", "sessionKey")
        request = {**dict.fromkeys(names), **_asked(params), "allowedDecisions": allowed}
        return self._ask(peer, "exec", request, allowed, params)

    def _ask_plugin(self, peer: Peer, params: Mapping[str, Any]) -> Later:
        PLUGIN_REQUEST.check(params)
        names = ("pluginId", "severity", "toolName", "agentId", "sessionKey")
        request = {**dict.fromkeys(names), **_asked(params)}
        return self._ask(peer, "plugin", request, DECISIONS, params)

    def _ask(
        self,
        peer: Peer,
        kind: Kind,
        request: Mapping[str, Any],
        allowed: Sequence[Decision],
        params: Mapping[str, Any],
    ) -> Later:
        own_id = params.get("id") or (self._house.new_id() if kind == "exec" else f"plugin:{self._house.new_id()}")
        if own_id in self._known:
            raise Refusal(INVALID_REQUEST, "approval id already pending")
        wait = milliseconds(params, "timeoutMs", TIMEOUT)
        now = self._house.now_ms()
        approval = Approval(own_id, kind, request, allowed, peer, now, now + wait)
        self._known[own_id] = approval
        if self._modern and not any(each is not peer and self._sees(approval, each) for each in self._house.peers()):
            wait = 0
        else:
            payload: dict[str, Any] = {"approvalKind": kind} if self._modern else {}
            self._tell("requested", approval, {**payload, **_pending(approval)}, but=peer if self._modern else None)
        self._house.after(wait / 1000, partial(self._expire, approval))
        return self._later(approval)

    def _later(self, approval: Approval) -> Later:
        later = Later()
        if approval.over:
            later.answer(_outcome(approval))
        else:
            approval.waiting.append(later)
        return later

    def _expire(self, approval: Approval) -> None:
        if not approval.over:
            self._end(approval)

    # Looking.

    def _list(self, kind: Kind, peer: Peer, params: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        Shape(f"{kind}.approval.list").check(params)
        pending = [each for each in self._known.values() if each.kind == kind and not each.over]
        return [_pending(each) for each in pending if self._sees(each, peer)]

    def _get(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        Shape("exec.approval.get", {"id": str}).check(params)
        approval = self._known.get(params["id"])
        if approval is None or approval.over or approval.kind != "exec" or not self._sees(approval, peer):
            raise _unknown()
        about = {"host": approval.request["host"], "nodeId": approval.request["nodeId"]}
        words = {"commandText": approval.request["command"], "commandPreview": None}
        more = {"agentId": approval.request["agentId"], "expiresAtMs": approval.expires_ms}
        return {"id": approval.id, **words, "allowedDecisions": approval.allowed, **about, **more}

    def _show(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        Shape("approval.get", {"id": str}).check(params)
        return {"approval": _presented(self._find(params["id"]))}

    def _wait(self, kind: Kind, peer: Peer, params: Mapping[str, Any]) -> Later:
        Shape(f"{kind}.approval.waitDecision", {"id": str}).check(params)
        approval = self._known.get(params["id"])
        if approval is None or approval.kind != kind:
            raise Refusal(INVALID_REQUEST, "approval expired or not found")
        return self._later(approval)

    # Deciding.

    def _resolve(self, kind: Kind, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        Shape(f"{kind}.approval.resolve", {"id": str, "decision": str}).check(params)
        if params["decision"] not in DECISIONS:
            raise Refusal(INVALID_REQUEST, "invalid decision")
        approval = self._known.get(params["id"])
        if approval is None or approval.kind != kind or not self._sees(approval, peer):
            raise _unknown()
        self._decide(approval, params["decision"], peer)
        return {"ok": True}

    def _resolve_any(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        Shape("approval.resolve", {"id": str, "kind": str, "decision": str}).check(params)
        if params["decision"] not in DECISIONS:
            raise Refusal(INVALID_REQUEST, "invalid decision")
        approval = self._find(params["id"])
        if approval.kind != params["kind"]:
            raise Refusal(INVALID_REQUEST, "approval not found", details={"reason": NOT_FOUND})
        applied = not approval.over
        self._decide(approval, params["decision"], peer)
        return {"applied": applied, "approval": _presented(approval)}

    def _decide(self, approval: Approval, decision: Decision, peer: Peer) -> None:
        if approval.over and approval.decision is None:
            raise _unknown()
        if approval.over:
            if decision != approval.decision:
                details = {"reason": "APPROVAL_ALREADY_RESOLVED"}
                raise Refusal(INVALID_REQUEST, "approval already resolved", details=details)
            return
        if decision not in approval.allowed:
            raise Refusal(INVALID_REQUEST, f"{decision} is unavailable for this request")
        approval.decision = decision
        approval.decided_ms = now = self._house.now_ms()
        approval.decided_by = peer.device_id
        self._end(approval)
        said = {"id": approval.id, "decision": decision, "resolvedBy": peer.client.get("id"), "ts": now}
        self._tell("resolved", approval, {**said, "request": approval.request})

    # Inside.

    def _end(self, approval: Approval) -> None:
        approval.over = True
        for later in approval.waiting:
            later.answer(_outcome(approval))
        self._house.after(KEPT, partial(self._forget, approval))

    def _forget(self, approval: Approval) -> None:
        if self._known.get(approval.id) is approval:
            del self._known[approval.id]

    def _find(self, own_id: str) -> Approval:
        approval = self._known.get(own_id)
        if approval is None:
            raise Refusal(INVALID_REQUEST, "approval not found", details={"reason": NOT_FOUND})
        return approval

    def _sees(self, approval: Approval, peer: Peer) -> bool:
        """Whether a request is in the lists and events of somebody."""
        if not peer.may(APPROVALS):
            return False
        if not self._modern or approval.request.get("sessionKey") is None or peer is approval.asker:
            return True
        return ADMIN in peer.scopes and not peer.caps.isdisjoint({"approvals", f"{approval.kind}-approvals"})

    def _tell(self, what: str, approval: Approval, payload: Mapping[str, Any], but: Peer | None = None) -> None:
        self._house.broadcast(
            f"{approval.kind}.approval.{what}",
            payload,
            scope=APPROVALS,
            to=lambda peer: peer is not but and self._sees(approval, peer),
        )


def _asked(params: Mapping[str, Any]) -> Mapping[str, Any]:
    return {name: value for name, value in params.items() if name not in _NO_MEMBERS}


def _outcome(approval: Approval) -> Mapping[str, Any]:
    """What whoever waits is told; the decision is ``None`` if there was none in time."""
    times = {"createdAtMs": approval.created_ms, "expiresAtMs": approval.expires_ms}
    return {"id": approval.id, "decision": approval.decision, **times}


def _pending(approval: Approval) -> Mapping[str, Any]:
    times = {"createdAtMs": approval.created_ms, "expiresAtMs": approval.expires_ms}
    return {"id": approval.id, "request": approval.request, **times}


def _presented(approval: Approval) -> Mapping[str, Any]:
    """A request as protocol 4 shows it to reviewers, with what came of it."""
    request = approval.request
    shown: dict[str, Any] = {"kind": approval.kind, "allowedDecisions": approval.allowed}
    if approval.kind == "exec":
        shown |= {"commandText": request["command"], "commandPreview": None, "host": request["host"]}
    else:
        shown |= {"title": request["title"], "description": request["description"]}
    status = "pending"
    if approval.over:
        status = "expired" if approval.decision is None else "denied" if approval.decision == "deny" else "allowed"
    found: dict[str, Any] = {"id": approval.id, "status": status, "presentation": shown}
    found |= {"createdAtMs": approval.created_ms, "expiresAtMs": approval.expires_ms}
    if approval.decision is not None:
        found |= {"resolvedAtMs": approval.decided_ms, "reason": "user", "decision": approval.decision}
        found |= {"resolver": {"kind": "device", "id": approval.decided_by}}
    return found


def _unknown() -> Refusal:
    return Refusal(INVALID_REQUEST, "unknown or expired approval id", details={"reason": NOT_FOUND})

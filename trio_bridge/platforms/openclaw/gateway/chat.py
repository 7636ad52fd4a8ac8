"""Sending messages, aborting runs and waiting for them: ``chat.send`` and its kin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import attrs

from . import telling
from .attachments import read_attachments
from .commands import Command, command_in
from .keys import answer_to_repetition
from .methods import ADMIN, INVALID_REQUEST, WRITE, Catalogue, Entry, House, Later, Peer, Refusal
from .params import Shape, milliseconds
from .reviving import Revival
from .room import QuietRoom
from .runs import Run
from .sessions import Sessions, row_shape
from .telling import ChatTeller
from .turns import QueueMode, Turns

MAX_KEY = 512
"""Characters of a session key."""
WAIT = 30_000
"""Milliseconds that ``agent.wait`` waits where no limit is given."""
QUEUE_MODES: Mapping[str, QueueMode] = {
    "steer": "steer",
    "followup": "followup",
    "collect": "collect",
    "interrupt": "interrupt",
}

_SENT: Mapping[str, type] = {"deliver": bool, "attachments": list, "timeoutMs": int, "thinking": str, "sessionId": str}
SEND_3 = Shape("chat.send", {"sessionKey": str, "message": str, "idempotencyKey": str}, _SENT)
SEND_4 = attrs.evolve(SEND_3, optional={**_SENT, "agentId": str, "queueMode": str})
SESSIONS_SEND = Shape("sessions.send", {"key": str, "message": str}, {"idempotencyKey": str, **_SENT})
ABORT = Shape("chat.abort", {"sessionKey": str}, {"runId": str})
SESSIONS_ABORT = Shape("sessions.abort", {}, {"key": str, "runId": str})
INJECT = Shape("chat.inject", {"sessionKey": str, "message": str}, {"label": str})
AGENT_WAIT = Shape("agent.wait", {"runId": str}, {"timeoutMs": int})


@attrs.frozen
class Sent:
    """A message that was let in by ``chat.send`` or ``sessions.send``, and what it was answered with."""

    key: str
    session_key: str
    text: str
    status: str
    peer: Peer = attrs.field(repr=False)


class Chat(QuietRoom):
    """Messages to agents, as operators send them."""

    def __init__(self, house: House, sessions: Sessions, turns: Turns) -> None:
        super().__init__(house)
        self._sessions = sessions
        self._turns = turns
        self._revival = Revival(house, sessions, turns)
        self.teller = ChatTeller(house, telling.THROTTLE[house.protocol])
        self.sent: list[Sent] = []
        """Every message that was let in, whether it was new or not."""
        self._cut: Sequence[Run] = ()
        self._by_key: dict[str, Run] = {}
        """What ran under which idempotency key, since the gateway started."""

    def methods(self) -> Catalogue:
        return {
            "chat.send": Entry(self._send, WRITE),
            "chat.abort": Entry(self._abort, WRITE),
            "chat.inject": Entry(self._inject, ADMIN, listed=False),
            "sessions.send": Entry(self._send_to_session, WRITE),
            "sessions.abort": Entry(self._abort_session, WRITE),
            "agent.wait": Entry(self._wait, WRITE),
        }

    def events(self) -> Sequence[str]:
        return telling.EVENTS

    def busy(self) -> bool:
        return any(self._turns.running())

    def stop(self, *, killed: bool) -> None:
        # Only 4 waits for what runs before it stops; 3 ends it without a word, and forgets it.
        ended = self._turns.stop() if killed or not self._modern else []
        left = self._revival.stop()
        self._cut = [*ended, *left] if killed else left
        known = self._by_key if self._modern else {}
        self._by_key = {key: run for key, run in known.items() if run in self._cut}

    def start(self) -> None:
        self._revival.take_up(self._cut)
        self._cut = []

    # Sending.

    def _send(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        if self._modern and not isinstance(params.get("sessionKey"), str):
            details = {"code": "SESSION_MUTATION_TARGET_REQUIRED", "method": "chat.send"}
            raise Refusal(INVALID_REQUEST, "session mutation target is unavailable", details=details)
        (SEND_4 if self._modern else SEND_3).check(params)
        given = params["sessionKey"]
        if len(given) > MAX_KEY:
            word = "not" if self._modern else "NOT"
            message = f"at /sessionKey: must {word} have more than {MAX_KEY} characters"
            raise Refusal(INVALID_REQUEST, f"invalid chat.send params: {message}")
        return self._let_in(peer, given, params["idempotencyKey"], params)

    def _send_to_session(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        SESSIONS_SEND.check(params)
        session = self._sessions.find(params["key"])
        if session is None:
            raise Refusal(INVALID_REQUEST, f"session not found: {params['key']}")
        key = params.get("idempotencyKey") or self._house.new_id()
        answer = self._let_in(peer, session.key, key, params)
        return answer if self._modern else {**answer, "messageSeq": len(session.rows) + 1}

    def _let_in(self, peer: Peer, given: str, key: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        text = params["message"]
        attachments = read_attachments(params.get("attachments", ()), limited=self._modern)
        if not text.strip() and not attachments:
            raise Refusal(INVALID_REQUEST, "message or attachment required")
        known = self._by_key.get(key)
        answer = None
        if known is not None:
            answer = answer_to_repetition(known, self._sessions.key_of(given), text, modern=self._modern)
        if answer is None:
            session, command = self._sessions.open(given), command_in(text)
            if command is not None and command.stops:
                return self._abort_runs(self._turns.active(session))
            run = Run(
                id=key,
                session=session,
                text=text,
                key=key,
                teller=self.teller,
                sent_ms=self._house.now_ms(),
                attachments=attachments,
            )
            self._by_key[key] = run
            if known is not None and known.standing == "cut":
                self._revival.sent_again(run, known)
            elif command is not None:
                self._obey(run, command)
            else:
                self._turns.submit(run, QUEUE_MODES.get(params.get("queueMode", ""), "steer"))
            answer = {"runId": key, "status": "started"}
        self.sent.append(Sent(key, self._sessions.key_of(given), text, str(answer["status"]), peer))
        return answer

    def _obey(self, run: Run, command: Command) -> None:
        if command.renews:
            self._sessions.renew(run.session)
        if command.notice is not None:
            run.answer = command.notice
            self._house.after(0, partial(self._turns.notify, run))
        else:
            run.rest = command.rest
            self._turns.submit(run)

    # Aborting.

    def _abort(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        ABORT.check(params)
        session = self._sessions.find(params["sessionKey"])
        if "runId" not in params:
            return self._abort_runs(self._turns.active(session) if session else None)
        run = self._run_of(params["runId"])
        if run is not None and run.session is not session and not self._modern:
            raise Refusal(INVALID_REQUEST, "runId does not match sessionKey")
        return self._abort_runs(run)

    def _abort_session(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        SESSIONS_ABORT.check(params)
        session = self._sessions.find(params.get("key", self._sessions.main_key))
        run = self._turns.active(session) if session else None
        if run is None:
            return {"ok": True, "abortedRunId": None, "status": "no-active-run"}
        self._turns.abort(run, "rpc")
        return {"ok": True, "abortedRunId": run.id, "status": "aborted"}

    def _abort_runs(self, run: Run | None) -> Mapping[str, Any]:
        if run is None:
            return {"ok": True, "aborted": False, "runIds": []}
        self._turns.abort(run, "rpc")
        return {"ok": True, "aborted": True, "runIds": [run.id]}

    def _run_of(self, run_id: str) -> Run | None:
        """The unfinished run of this id."""
        for run in self._turns.running():
            for each in (run, *run.steered):
                if each.id == run_id and not each.over:
                    return each
        return None

    # What is said without an agent.

    def _inject(self, peer: Peer, params: Mapping[str, Any]) -> Mapping[str, Any]:
        INJECT.check(params)
        session = self._sessions.find(params["sessionKey"])
        if session is None:
            raise Refusal(INVALID_REQUEST, "session not found")
        label = params.get("label")
        text = f"[{label}]\n\n{params['message']}" if label else params["message"]
        row = self._sessions.write(session, "assistant", text)
        shape = {name: value for name, value in row_shape(row, modern=self._modern).items() if name != "__openclaw"}
        agent = {"agentId": session.agent} if self._modern else {}
        payload = {"runId": "inject", "sessionKey": session.key, **agent, "seq": 0, "state": "final", "message": shape}
        self._house.broadcast("chat", payload)
        return {"ok": True, "messageId": row.id}

    # Waiting.

    def _wait(self, peer: Peer, params: Mapping[str, Any]) -> Any:
        AGENT_WAIT.check(params)
        run = self._by_key.get(params["runId"]) or self._run_of(params["runId"])
        if run is not None and run.standing == "cut":
            run = None
        if run is not None and run.over:
            return _outcome(run)
        later = Later()
        if run is not None:
            run.when_over.append(lambda run: later.answer(_outcome(run)))
        late = partial(later.answer, {"runId": params["runId"], "status": "timeout"})
        self._house.after(milliseconds(params, "timeoutMs", WAIT) / 1000, late)
        return later


def _outcome(run: Run) -> Mapping[str, Any]:
    """What ``agent.wait`` says of a run that is over."""
    times = {"startedAt": run.began_ms, "endedAt": run.ended_ms}
    if run.standing == "failed":
        return {"runId": run.id, "status": "error", **times, "error": run.error}
    if run.standing == "aborted":
        return {"runId": run.id, "status": "timeout", **times, "stopReason": run.stop_reason}
    return {"runId": run.id, "status": "ok", **times}

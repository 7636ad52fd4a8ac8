"""How operators hear of a run: ``chat`` and ``agent`` events, as each protocol has them.

1. Both kinds share the numbers of a run: a ``chat`` event has the number of the ``agent`` event that it belongs to.
2. Deltas carry the whole text so far, without the blanks at its end. There is one in 150 ms at most (protocol 3) or one
   in 75 ms (4); what was held back comes before the end.
3. On protocol 4 a failure is told twice, and an abort is followed by a lifecycle error. On 3 each attempt of a run that
   fails is a lifecycle error. None of those ends a run.
4. A run that says nothing ends on protocol 3 with a final event without a message; 4 asks once more, and then tells of
   an abort and of an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import attrs

from .methods import House
from .runs import Run
from .script import SILENCE
from .sessions import MODEL, PROVIDER

THROTTLE: Mapping[int, float] = {3: 0.150, 4: 0.075}
"""Seconds between two deltas of a run, by protocol."""
ROUNDING = 1e-6
"""Sums of pauses are not exact: so much earlier is in time."""
SILENCE_TOLD_AFTER = 0.06
"""Seconds after which protocol 4 calls an error what it called an abort: a run that said nothing, asked twice."""
EVENTS = ("agent", "chat")


@attrs.define(eq=False)
class ChatTeller:
    """Tells all operators who may read."""

    house: House
    throttle: float

    def began(self, run: Run) -> None:
        if self._modern:
            self._status(run, "preparing_workspace")
        self._turn(run)

    def grew(self, run: Run) -> None:
        seq, text = run.next_seq(), run.visible
        if text == SILENCE:
            return
        due = run.told_at is None or self.house.now - run.told_at >= self.throttle - ROUNDING
        if due or not self._modern:
            self._assistant(run, seq)
        if due:
            self._delta(run)

    def asked_again(self, run: Run) -> None:
        self._turn(run)

    def stumbled(self, run: Run, message: str) -> None:
        if not self._modern:
            data = {"phase": "error", "error": message, "livenessState": "blocked", "endedAt": self.house.now_ms()}
            self._agent(run, "lifecycle", data)

    def tried_again(self, run: Run) -> None:
        if not self._modern:
            self._agent(run, "lifecycle", {"phase": "start", "startedAt": self.house.now_ms()})

    def merged(self, run: Run) -> None:
        payload = {"runId": run.id, "sessionKey": run.session.key, "seq": run.next_seq(), "state": "final"}
        self.house.broadcast("chat", payload)

    def finished(self, run: Run) -> None:
        silent = run.standing == "silent"
        if self._modern:
            if not silent and run.told != run.visible:
                self._assistant(run, run.seq)
            self._agent(run, "usage", {"outputTokens": len(run.answer.split())})
            end = {"stopReason": "stop", "aborted": False, "livenessState": "working", "endedAt": run.ended_ms}
            self._agent(run, "lifecycle", {"phase": "finishing", **end})
            self._agent(run, "lifecycle", {"phase": "end", **end, "startedAt": run.began_ms})
        else:
            end = {"livenessState": "working", "endedAt": run.ended_ms}
            self._agent(run, "lifecycle", {"phase": "end", **end})
        if not silent and run.told != run.visible:
            self._delta(run)
        if silent and self._modern:
            self._chat(run, "aborted", stopReason="stop")
            self.house.after(SILENCE_TOLD_AFTER, partial(self._said_nothing, run))
            return
        more = {} if silent else {"message": self._message(run)}
        self._chat(run, "final", **({"stopReason": "stop"} if self._modern else {}), **more)

    def notified(self, run: Run) -> None:
        run.next_seq()
        message = self._message(run)
        if self._modern:
            (part,) = message["content"]
            message = {**message, "content": [{**part, "openclawStatusNotice": True}]}
        self._chat(run, "final", message=message)

    def aborted(self, run: Run) -> None:
        run.next_seq()
        said = {} if not run.visible else {"message": self._message(run)}
        self._chat(run, "aborted", stopReason=run.stop_reason, **said)
        end = {"status": "cancelled", "aborted": True, "stopReason": run.stop_reason, "endedAt": run.ended_ms}
        self._agent(run, "lifecycle", {"phase": "end", **end}, seq=run.seq)
        if self._modern:
            self.house.after(0, partial(self._settled_after_abort, run))

    def cut(self, run: Run) -> None:
        """There is nobody to tell."""

    def failed(self, run: Run) -> None:
        message = run.error or ""
        if not self._modern:
            self._chat(run, "error", errorMessage=message)
            return
        step = {"phase": "fallback_step", "fallbackStepFromModel": f"{PROVIDER}/{MODEL}"}
        self._agent(run, "lifecycle", {**step, "fallbackStepFromFailureDetail": message})
        self._agent(run, "lifecycle", {"phase": "error", "error": message, "aborted": False, "endedAt": run.ended_ms})
        detail = {"provider": PROVIDER, "model": MODEL, "failoverReason": "server_error"}
        self._chat(run, "error", errorMessage=message, errorDetail=detail)
        self._told_again(run, before_reply(message))

    # Inside.

    @property
    def _modern(self) -> bool:
        return self.house.protocol == 4

    def _turn(self, run: Run) -> None:
        if self._modern:
            self._status(run, "preparing_context")
        self._agent(run, "lifecycle", {"phase": "start", "startedAt": self.house.now_ms()})
        if self._modern:
            self._status(run, "starting_model")
            self._agent(run, "lifecycle", {"phase": "model", "provider": PROVIDER, "model": MODEL})

    def _said_nothing(self, run: Run) -> None:
        self._told_again(run, "⚠️ Agent couldn't generate a response. Please try again.")

    def _told_again(self, run: Run, message: str) -> None:
        error = {"runId": run.id, "sessionKey": run.session.key, "seq": 1, "state": "error", "errorMessage": message}
        self.house.broadcast("chat", error)

    def _settled_after_abort(self, run: Run) -> None:
        data = {"phase": "error", "error": "This operation was aborted", "aborted": True, "stopReason": "aborted"}
        self._agent(run, "lifecycle", {**data, "endedAt": run.ended_ms})

    def _status(self, run: Run, phase: str) -> None:
        seq = run.next_seq()
        self._chat(run, "status", phase=phase)
        self._agent(run, "run_status", {"phase": phase}, seq=seq)

    def _assistant(self, run: Run, seq: int) -> None:
        text = run.visible
        data = {"text": text, "delta": text.removeprefix(run.told_agent) if text.startswith(run.told_agent) else text}
        self._agent(run, "assistant", {**data, "itemId": f"{run.id}:1"} if self._modern else data, seq=seq)
        run.told_agent = text

    def _delta(self, run: Run) -> None:
        text, more = run.visible, dict[str, Any]()
        if self._modern:
            grown = text.startswith(run.told)
            more = {"deltaText": text.removeprefix(run.told)} if grown else {"deltaText": text, "replace": True}
        run.told, run.told_at = text, self.house.now
        self._chat(run, "delta", **more, message=self._message(run))

    def _message(self, run: Run) -> Mapping[str, Any]:
        content = [{"type": "text", "text": run.visible}]
        return {"role": "assistant", "content": content, "timestamp": self.house.now_ms()}

    def _chat(self, run: Run, state: str, **more: Any) -> None:
        agent = {"agentId": run.session.agent} if self._modern else {}
        payload = {"runId": run.id, "sessionKey": run.session.key, **agent, "seq": run.seq, "state": state, **more}
        self.house.broadcast("chat", payload)

    def _agent(self, run: Run, stream: str, data: Mapping[str, Any], *, seq: int | None = None) -> None:
        payload: dict[str, Any] = {"runId": run.id, "stream": stream, "data": data, "sessionKey": run.session.key}
        payload |= {"seq": run.next_seq() if seq is None else seq, "ts": self.house.now_ms()}
        if self._modern:
            payload |= {"agentId": run.session.agent, "isHeartbeat": False}
        self.house.broadcast("agent", payload)


def before_reply(message: str) -> str:
    """How protocol 4 words the failure of a run that said nothing."""
    return f"⚠️ Agent failed before reply: {message}"

"""What a gateway remembers of idempotency keys, and what it answers to one that comes again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .methods import INVALID_REQUEST, Refusal
from .runs import Run
from .telling import before_reply


def answer_to_repetition(run: Run, session_key: str, text: str, *, modern: bool) -> Mapping[str, Any] | None:
    """The answer to a message whose key was used by this run; ``None`` if it is to be run as if it were new.

    Raises:
      Refusal: the key was used for something else, or what it was used for has failed (protocol 4).
    """
    if modern and (run.text, run.session.key) != (text, session_key):
        details = {"reason": "chat-request-conflict"}
        raise Refusal(INVALID_REQUEST, "This message ID was already used for different input.", details=details)
    if not run.over:
        return {"runId": run.id, "status": "in_flight"}
    match run.standing:
        case "aborted" if modern:
            stopped = {"summary": "aborted", "stopReason": run.stop_reason, "endedAt": run.ended_ms}
            return {"runId": run.id, "status": "timeout", **stopped}
        case "aborted" | "cut":
            return None  # on 3 a run that was aborted runs again; a run that was cut is seen to elsewhere
        case "failed" if modern:
            message = before_reply(run.error or "")
            payload = {"runId": run.id, "status": "error", "summary": message}
            raise Refusal("UNAVAILABLE", message, payload=payload)
    return {"runId": run.id, "status": "ok"}

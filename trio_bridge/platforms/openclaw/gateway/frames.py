"""What goes over the wire: requests in, answers and events out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from .methods import INVALID_REQUEST, Personality, Refusal
from .schema import Anything, Constant, Table, Text, complaint

NAMELESS = "invalid"
"""The id in the answer to a frame that has none."""

REQUEST = {
    3: Table({"type": Constant("req"), "id": Text(1), "method": Text(1)}, {"params": Anything()}),
    4: Table(
        {"type": Constant("req"), "id": Text(1), "method": Text(1)},
        {"params": Anything(), "traceparent": Text(), "expectedProfileId": Text()},
    ),
}


@attrs.frozen
class Request:
    """A client wants something done."""

    id: str
    method: str
    params: Any


@attrs.frozen
class Misfit:
    """JSON that is no request. It is answered under the id that it has."""

    id: Any
    refusal: Refusal


def read(frame: str | bytes, protocol: Personality) -> Request | Misfit | None:
    """What a client sent; ``None`` if it is no JSON, or no text."""
    if isinstance(frame, bytes):
        return None
    try:
        value = json.loads(frame)
    except (ValueError, RecursionError):
        return None
    wrong = complaint(REQUEST[protocol], value, protocol)
    if not wrong:
        return Request(value["id"], value["method"], value.get("params"))
    own = value.get("id") if isinstance(value, dict) else None
    named = isinstance(own, str | int | float) and not isinstance(own, bool)
    return Misfit(own if named else NAMELESS, Refusal(INVALID_REQUEST, f"invalid request frame: {wrong}"))


def answer(request_id: Any, payload: Any) -> str:
    """It is done."""
    body = {} if payload is None else {"payload": payload}
    return encode({"type": "res", "id": request_id, "ok": True, **body})


def refusal(request_id: Any, refused: Refusal) -> str:
    """It is not done."""
    body = {} if refused.payload is None else {"payload": refused.payload}
    error = {"error": error_of(refused)} if refused.code else {}
    return encode({"type": "res", "id": request_id, "ok": False, **body, **error})


def error_of(refused: Refusal) -> dict[str, Any]:
    """The error object of a refusal."""
    members = {
        "code": refused.code,
        "message": refused.message,
        "retryable": refused.retryable,
        "retryAfterMs": refused.retry_after_ms,
        "details": None if refused.details is None else dict(refused.details),
    }
    return {name: value for name, value in members.items() if value is not None}


def event(name: str, payload: Any, *, seq: int | None = None, state: Mapping[str, int] | None = None) -> str:
    """Something happened."""
    frame: dict[str, Any] = {"type": "event", "event": name, "payload": payload}
    if seq is not None:
        frame["seq"] = seq
    if state is not None:
        frame["stateVersion"] = dict(state)
    return encode(frame)


def encode(value: Any) -> str:
    """JSON as a gateway writes it: short, and not in ASCII."""
    # Half a surrogate pair, which a client may have sent, stays the escape that it was.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace").decode()

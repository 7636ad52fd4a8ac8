"""Frames of the gateway's protocol, as text: what one says, and what a request looks like.

A frame is one text message of the WebSocket, a JSON object::

    {"type": "req", "id", "method", "params"}
    {"type": "res", "id", "ok", "payload", "error": {"code", "message", "details", "retryable", "retryAfterMs"}}
    {"type": "event", "event", "payload", "seq"}

Unknown members and unknown types are how a gateway grows: they are passed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import attrs

from ...wire.jsontext import encodable, parse, word

LONGEST_WAIT: Final = 86_400.0
"""Seconds: a gateway that asks for more is asked again after a day."""


LONGEST_CODE: Final = 100
LONGEST_MESSAGE: Final = 1000
"""Characters of an error that are kept: they go into logs, and to people."""


class BadFrame(Exception):
    """A frame that says nothing we understand. ``args[0]`` names what is wrong with it."""


@attrs.frozen
class WireError:
    """Why the gateway says no."""

    code: str
    message: str
    details: Any = attrs.field(default=None, repr=False)
    retryable: bool = False
    retry_after: float | None = None
    """Seconds."""


@attrs.frozen
class Response:
    """The answer to a request. One that fails may have an error, a payload, or both."""

    id: str
    """Empty where the gateway answers something that was no request."""
    ok: bool
    payload: Any = attrs.field(default=None, repr=False)
    error: WireError | None = None


@attrs.frozen
class Event:
    """Something happened on the gateway."""

    name: str
    payload: dict[str, Any] = attrs.field(factory=dict, repr=False)
    seq: int | None = None
    """Its number on this connection; what is told to some connections only has none."""
    size: int = attrs.field(default=0, eq=False, repr=False)
    """Characters that it came in."""


def decode(frame: str | bytes) -> Response | Event | None:
    """What a frame says; ``None`` for a type that nobody knows yet.

    Raises:
      BadFrame: ``binary``, ``not_json``, ``not_object``, ``bad_response`` or ``bad_event``.
    """
    if not isinstance(frame, str):
        raise BadFrame("binary")
    try:
        fields = parse(frame)
    except ValueError:
        raise BadFrame("not_json") from None
    if not isinstance(fields, dict):
        raise BadFrame("not_object")
    match fields.get("type"):
        case "res":
            return _response(fields)
        case "event":
            return _event(fields, len(frame))
        case str():
            return None
    raise BadFrame("not_object")


def request_text(method: str, params: Mapping[str, Any] | None) -> str:
    """A request but for its id, which it is given by the connection that it goes out on.

    Raises:
      TypeError, ValueError: the parameters are nothing that JSON can say.
    """
    given = "" if params is None else f',"params":{json.dumps(params, ensure_ascii=False, allow_nan=False)}'
    return encodable(f'"method":{json.dumps(method)}{given}}}')


def request_frame(id: str, text: str) -> str:  # noqa: A002
    """The frame of a request that :func:`request_text` made; ``id`` is plain."""
    return f'{{"type":"req","id":"{id}",{text}'


def seconds(milliseconds: object) -> float | None:
    """A time to wait that a gateway named, in seconds, a day at most; ``None`` for what is none."""
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float) or not milliseconds >= 0:
        return None
    return min(milliseconds, LONGEST_WAIT * 1000) / 1000


def _response(fields: dict[str, Any]) -> Response:
    id_, ok = fields.get("id"), fields.get("ok")
    if not isinstance(ok, bool):
        raise BadFrame("bad_response")
    error = fields.get("error")
    return Response(
        id_ if isinstance(id_, str) else "", ok, fields.get("payload"), None if error is None else error_of(error)
    )


def error_of(error: Any) -> WireError:
    """The error of a response, whatever form it has."""
    if not isinstance(error, dict):
        return WireError("", word(error)[:LONGEST_MESSAGE])
    return WireError(
        word(error.get("code"))[:LONGEST_CODE],
        word(error.get("message"))[:LONGEST_MESSAGE],
        error.get("details"),
        error.get("retryable") is True,
        seconds(error.get("retryAfterMs")),
    )


def _event(fields: dict[str, Any], size: int) -> Event:
    name, payload, seq = fields.get("event"), fields.get("payload"), fields.get("seq")
    if not isinstance(name, str) or not name:
        raise BadFrame("bad_event")
    numbered = isinstance(seq, int) and not isinstance(seq, bool)
    return Event(name, payload if isinstance(payload, dict) else {}, seq if numbered else None, size)

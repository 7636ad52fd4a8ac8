"""What clients answer to a delivery, and how it must look. Pure.

Rules:

1. An acknowledgement is the delivered frame again: the same numbers, the same headers in their order, and behind them
   at most ``biz_rt``, the milliseconds that it took.
2. Its payload is JSON with a ``code``: 200, or 500 for «send it again». The answer of a callback is in ``data``, as
   base64 of its JSON.
3. An event in fragments is acknowledged once, with the frame that made it whole, or one that came later.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any, Final

import attrs

from .frames import Frame

OK: Final = 200
AGAIN: Final = 500
TAKEN: Final = "biz_rt"
KEYS: Final = frozenset({"code", "headers", "data"})


class BadAck(Exception):
    """A frame that is no acknowledgement. The text says why."""


@attrs.frozen
class Ack:
    """What a client said of one delivery."""

    message_id: str
    code: int
    data: str | None = attrs.field(repr=False)


def read_ack(frame: Frame) -> Ack:
    """The acknowledgement in a frame.

    Raises:
      BadAck: it is none.
    """
    message_id = frame.header("message_id")
    if not message_id:
        raise BadAck("no message_id")
    try:
        said = json.loads(frame.payload or b"")
    except (ValueError, RecursionError) as error:
        raise BadAck(f"the payload is not JSON: {error}") from None
    if not isinstance(said, dict) or not said.keys() <= KEYS:
        raise BadAck("expected an object with code, and perhaps data and headers")
    code, data = said.get("code"), said.get("data")
    if code not in (OK, AGAIN):
        raise BadAck(f"code: expected {OK} or {AGAIN}, not {code!r}")
    if not isinstance(data, str | None):
        raise BadAck("data: expected a text")
    return Ack(message_id, int(code), data)


def differences(ack: Frame, sent: Frame, *, rounded: bool) -> Iterator[str]:
    """What is not as in the frame that was sent. ``rounded``: a LogID may have gone through a floating-point number."""
    if ack.seq_id != sent.seq_id:
        yield "SeqID"
    if not same_log_id(ack, sent, rounded=rounded):
        yield "LogID"
    if ack.service != sent.service:
        yield "service"
    if ack.method != sent.method:
        yield "method"
    if ack.log_id_new != sent.log_id_new:
        yield "LogIDNew"
    echoed, added = ack.headers[: len(sent.headers)], ack.headers[len(sent.headers) :]
    if echoed != sent.headers:
        yield "headers"
    elif added and not (len(added) == 1 and added[0][0] == TAKEN and _is_number(added[0][1])):
        yield f"headers behind the echo: {', '.join(name for name, _ in added)}"


def same_log_id(ack: Frame, sent: Frame, *, rounded: bool) -> bool:
    return ack.log_id == sent.log_id or (rounded and float(ack.log_id) == float(sent.log_id))


def answer_in(data: str | None) -> Any:
    """What a client answered to a callback; ``None`` for nothing.

    Raises:
      BadAck: what is there can't be read.
    """
    if not data:
        return None
    try:
        return json.loads(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise BadAck("data: expected base64 of JSON") from None


def _is_number(text: str) -> bool:
    return text.removeprefix("-").isdecimal()

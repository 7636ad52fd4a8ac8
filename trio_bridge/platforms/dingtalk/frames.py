"""Envelopes of Stream Mode, as text: what a frame says, and what an acknowledgement looks like.

A frame is one WebSocket message::

    {"specVersion": "1.0", "type": "SYSTEM" | "EVENT" | "CALLBACK", "headers": {…}, "data": "<JSON text>"}

Everything but ``type`` and ``headers.topic`` may be missing. Unknown keys are kept.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii as quoted
from typing import Any, Final

import attrs

from ...wire.jsontext import loads, word

ROBOT: Final = "/v1.0/im/bot/messages/get"
DELEGATE: Final = "/v1.0/im/bot/messages/delegate"
CARD: Final = "/v1.0/card/instances/callback"
GRAPH: Final = "/v1.0/graph/api/invoke"
EVENTS: Final = "*"
"""The topic of all events. What they come with may name another one: their type tells them apart from callbacks."""

OK: Final = 200
BAD_REQUEST: Final = 400
UNKNOWN_TOPIC: Final = 404
HANDLER_FAILED: Final = 500


class BadFrame(Exception):
    """A frame that says nothing we understand. ``args[0]`` names what is wrong with it."""


@attrs.frozen
class Envelope:
    """A frame, opened. ``data`` is as it came: text nearly always, an object in some samples."""

    type: str
    topic: str
    message_id: str | None
    data: Any = attrs.field(repr=False)
    headers: dict[str, Any] = attrs.field(repr=False)
    fields: dict[str, Any] = attrs.field(repr=False)
    """The whole frame."""


def decode(frame: str | bytes) -> Envelope:
    """The envelope of a frame.

    Raises:
      BadFrame: ``not_json``, ``not_object``, ``bad_headers`` or ``unknown_type``.
    """
    try:
        fields = loads(frame if isinstance(frame, str) else str(frame, "utf-8"))
    except (ValueError, RecursionError):
        raise BadFrame("not_json") from None
    if not isinstance(fields, dict):
        raise BadFrame("not_object")
    headers = fields.get("headers")
    if headers is None:
        headers = fields.get("header")  # an official sample spells it so
    if not isinstance(headers, dict):
        raise BadFrame("bad_headers")
    topic = headers.get("topic")
    if not isinstance(topic, str) or not topic:
        raise BadFrame("bad_headers")
    type_ = fields.get("type")
    if type_ not in ("CALLBACK", "SYSTEM", "EVENT"):
        raise BadFrame("unknown_type")
    return Envelope(type_, topic, word(headers.get("messageId")) or None, fields.get("data"), headers, fields)


def answer_frame(message_id: str, data: str, *, code: int = OK, message: str = "OK") -> str:
    """The frame that answers ``message_id``. ``data`` is JSON text. ASCII, so that it can always be sent."""
    return (
        f'{{"code":{code},"headers":{{"contentType":"application/json","messageId":{quoted(message_id)}}},'
        f'"message":{quoted(message)},"data":{quoted(data)}}}'
    )

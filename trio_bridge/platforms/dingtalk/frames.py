"""Envelopes of Stream Mode, as text: what a frame says, and what an acknowledgement looks like.

A frame is one WebSocket message::

    {"specVersion": "1.0", "type": "SYSTEM" | "EVENT" | "CALLBACK", "headers": {…}, "data": "<JSON text>"}

Everything but ``type`` and ``headers.topic`` may be missing. Unknown keys are kept.
"""

from __future__ import annotations

import re
from json.encoder import encode_basestring_ascii as quoted
from typing import Any, Final

import attrs

from ...wire.jsontext import loads

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

_SURROGATE = re.compile("[\ud800-\udfff]")


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


def parse(text: str) -> Any:
    """What a JSON text says, with U+FFFD in place of lone surrogates: they break every later encoding.

    Raises:
      ValueError: it is not JSON, or nested or numbered beyond all measure.
    """
    try:
        value = loads(text)
        # Only an escape can smuggle a surrogate into text that is itself sound.
        return scrub(value) if "\\u" in text else value
    except RecursionError:
        raise ValueError("nested too deeply") from None


def scrub(value: Any) -> Any:
    """The same JSON value without lone surrogates."""
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, list):
        return [scrub(item) for item in value]
    if isinstance(value, dict):
        return {encodable(key): scrub(item) for key, item in value.items()}
    return value


def encodable(text: str) -> str:
    """The same text, with U+FFFD for what UTF-8 can't say."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub("\ufffd", text)
    return text


def word(value: Any) -> str:
    """An id or a name as text, whether it came as text or as a number; empty for everything else."""
    if isinstance(value, str):
        return value if value.isascii() else encodable(value)
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def answer_frame(message_id: str, data: str, *, code: int = OK, message: str = "OK") -> str:
    """The frame that answers ``message_id``. ``data`` is JSON text. ASCII, so that it can always be sent."""
    return (
        f'{{"code":{code},"headers":{{"contentType":"application/json","messageId":{quoted(message_id)}}},'
        f'"message":{quoted(message)},"data":{quoted(data)}}}'
    )

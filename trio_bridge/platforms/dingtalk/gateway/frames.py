"""The server's side of the wire: frames that are pushed, and acknowledgements that come back. Pure.

Nothing in here is shared with the client: a simulator built on the client's own reader could not catch its mistakes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

import attrs

ROBOT = "/v1.0/im/bot/messages/get"
DELEGATE = "/v1.0/im/bot/messages/delegate"
CARD = "/v1.0/card/instances/callback"
GRAPH = "/v1.0/graph/api/invoke"
EVENTS = "*"

Kind = Literal["CALLBACK", "EVENT"]
Verdict = Literal["accepted", "later", "refused"]
Place = tuple[Literal["user", "group"], str]
"""Where an answer goes that does not use a session webhook."""

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Compact JSON, other alphabets as they are: how the platform writes."""


NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class BadAck(Exception):
    """A frame from a client that is no acknowledgement. The text says why."""


@attrs.frozen(kw_only=True)
class Letter:
    """Something to be pushed: the platform's data, and what identifies it."""

    data: str = attrs.field(repr=False)
    kind: Kind = "CALLBACK"
    topic: str = ROBOT
    key: str = ""
    """The msgId, eventId or outTrackId: the same on every redelivery."""
    conversation: str = ""
    place: Place | None = None
    session: str = attrs.field(default="", repr=False)
    headers: Mapping[str, str] = attrs.field(default=NO_HEADERS, repr=False)
    """Headers of its own, kept on every redelivery."""

    @property
    def wants_answer(self) -> bool:
        """Whether a person waits for a reply, which comes apart from the acknowledgement."""
        return self.topic in (ROBOT, DELEGATE)


@attrs.frozen
class Ack:
    """What a client said of one frame. ``message_id`` is ``None`` where it named none."""

    message_id: str | None
    code: int
    data: str = attrs.field(repr=False)

    def verdict(self, kind: Kind) -> Verdict:
        """What it means. Only events can be asked for again later."""
        if self.code != 200:
            return "refused"
        if kind == "EVENT" and as_object(self.data).get("status") == "LATER":
            return "later"
        return "accepted"


def read_ack(frame: str | bytes) -> Ack:
    """The acknowledgement in a frame.

    Raises:
      BadAck: it is none.
    """
    if isinstance(frame, bytes):
        raise BadAck("an acknowledgement is a text frame")
    try:
        ack = json.loads(frame)
    except (ValueError, RecursionError) as error:
        raise BadAck(f"not JSON: {error}") from None
    match ack:
        case {"code": int(code), "headers": dict(headers), "message": str(), "data": str(data)}:
            message_id = headers.get("messageId")
        case _:
            raise BadAck("expected an object with code, headers, message and data")
    if not isinstance(message_id, str | None):
        raise BadAck("messageId: expected a string")
    return Ack(message_id, code, data)


def letter_of(
    data: Mapping[str, Any] | str,
    *,
    kind: Kind = "CALLBACK",
    topic: str = ROBOT,
    headers: Mapping[str, str] | None = None,
) -> Letter:
    """A letter with this data. What identifies it is looked up in the data; broken data makes an anonymous letter."""
    text = data if isinstance(data, str) else encode(data)
    fields = as_object(text) if isinstance(data, str) else data
    headers = headers or NO_HEADERS
    key = headers.get("eventId") if kind == "EVENT" else fields.get("msgId", fields.get("outTrackId"))
    _, _, session = str(fields.get("sessionWebhook", "")).partition("session=")
    return Letter(
        kind=kind,
        topic=topic,
        data=text,
        key=str(key or ""),
        conversation=str(fields.get("conversationId", "")),
        place=_place(fields),
        session=session.partition("&")[0],
        headers=headers,
    )


def letter_in(frame: str) -> tuple[str, Letter] | None:
    """The message id and the letter in a frame that was written by hand, if a client could acknowledge it."""
    envelope = as_object(frame)
    kind, headers = (
        envelope.get("type"),
        envelope.get("headers", envelope.get("header")),
    )  # a sample spells it like this
    match kind, headers:
        case (("CALLBACK" | "EVENT"), {"messageId": str(message_id), "topic": str(topic)}):
            data = envelope.get("data", "")
            kept = {name: value for name, value in headers.items() if name not in ("messageId", "topic", "contentType")}
            text = data if isinstance(data, str) else encode(data)
            return message_id, letter_of(text, kind=kind, topic=topic, headers=kept)
    return None


def system_in(frame: str) -> tuple[str | None, str, str] | None:
    """The message id, topic and data of a SYSTEM frame that was written by hand; ``None`` if it is none."""
    match as_object(frame):
        case {"type": "SYSTEM", "headers": {"topic": str(topic)} as headers, "data": str(data)}:
            return headers.get("messageId"), topic, data
    return None


def as_object(text: str) -> Mapping[str, Any]:
    """The JSON object in the text; an empty one if there is none. Whole numbers come as text: some are too long."""
    try:
        value = json.loads(text, parse_int=str)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def same_json(one: str, other: str) -> bool:
    """Whether two texts say the same: as JSON, or letter by letter where they are not JSON."""
    if one == other:
        return True
    try:
        return bool(json.loads(one) == json.loads(other))
    except (ValueError, RecursionError):
        return False


def frame_text(kind: str, headers: Mapping[str, str], data: str) -> str:
    """One frame, as the server writes it."""
    return encode({"specVersion": "1.0", "type": kind, "headers": headers, "data": data})


def _place(fields: Mapping[str, Any]) -> Place | None:
    if str(fields.get("conversationType")) == "2":
        return ("group", str(fields["conversationId"])) if fields.get("conversationId") else None
    user = fields.get("senderStaffId") or fields.get("senderId")
    return ("user", str(user)) if user else None

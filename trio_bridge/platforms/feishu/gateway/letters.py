"""What is pushed to apps: the payload of an event, and what identifies it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Literal

import attrs

MESSAGE: Final = "im.message.receive_v1"
OLD_MESSAGE: Final = "message"
"""How schema 1.0 calls a message."""
PRESS: Final = "card.action.trigger"
PREVIEW: Final = "url.preview.get"

Kind = Literal["event", "card"]
"""What the header of a frame says that it holds. ``card`` is the older press of a button, which no client answers."""

encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""Compact JSON, other alphabets as they are: how the platform writes."""


@attrs.frozen(kw_only=True)
class Letter:
    """Something to be pushed, byte by byte, and what identifies it."""

    data: bytes = attrs.field(repr=False)
    kind: Kind = "event"
    event_type: str = ""
    key: str = ""
    """The event id, or the uuid of schema 1.0: the same on every redelivery."""
    message_id: str = ""
    """The ``om_…`` of a message."""
    chat_id: str = ""
    token: str = attrs.field(default="", repr=False)
    """What a press may change its card with, later."""

    @property
    def wants_answer(self) -> bool:
        """Whether a person waits for a reply, which comes apart from the acknowledgement."""
        return self.event_type in (MESSAGE, OLD_MESSAGE)

    @property
    def is_callback(self) -> bool:
        """Whether the acknowledgement itself carries the answer. Such an event comes once."""
        return self.event_type in (PRESS, PREVIEW) or self.kind == "card"


def letter_of(payload: Mapping[str, Any] | bytes, kind: Kind = "event") -> Letter:
    """A letter with this payload. What is no event makes an anonymous letter."""
    data = payload if isinstance(payload, bytes) else encode(payload).encode()
    envelope = as_object(data) if isinstance(payload, bytes) else payload
    header, event = _object(envelope.get("header")), _object(envelope.get("event"))
    message, context = _object(event.get("message")), _object(event.get("context"))
    return Letter(
        data=data,
        kind=kind,
        event_type=_word(header.get("event_type") or event.get("type")),
        key=_word(header.get("event_id") or envelope.get("uuid")),
        message_id=_word(message.get("message_id") or event.get("open_message_id")),
        chat_id=_word(
            message.get("chat_id") or event.get("chat_id") or event.get("open_chat_id") or context.get("open_chat_id")
        ),
        token=_word(event.get("token")),
    )


def as_object(data: bytes | str) -> Mapping[str, Any]:
    """The JSON object in these bytes; an empty one if there is none. Whole numbers come as text: some are too long."""
    try:
        value = json.loads(data, parse_int=str)
    except (ValueError, RecursionError):
        return {}
    return _object(value)


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""

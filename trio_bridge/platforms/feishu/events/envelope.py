"""What is around every event: schema 2.0 with a header, and 1.0 with everything at the top."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import attrs

from ....wire.jsontext import word

Schema = Literal["2.0", "1.0"]

NOBODY: Final[Mapping[str, Any]] = {}


@attrs.frozen
class Envelope:
    """One event, whoever brought it."""

    schema: Schema
    event_id: str
    """The same on every redelivery; empty where there is none."""
    event_type: str
    """``im.message.receive_v1``; of schema 1.0 what the event itself says: ``message``."""
    app_id: str
    """Whose event it is; empty where it does not say."""
    tenant_key: str
    created_at: str
    """As it came: milliseconds, microseconds or seconds with a fraction."""
    token: str = attrs.field(repr=False)
    """The verification token; empty on a long connection."""
    body: Mapping[str, Any] = attrs.field(repr=False)
    """The event itself."""


def read_envelope(payload: Any) -> Envelope | None:
    """The event in a payload; ``None`` where it is none. Raises nothing, whatever the payload holds."""
    if not isinstance(payload, dict):
        return None
    header = payload.get("header")
    body = payload.get("event")
    if not isinstance(body, dict):
        body = NOBODY
    if "schema" in payload:
        if not isinstance(header, dict):
            return None
        return Envelope(
            "2.0",
            word(header.get("event_id")),
            word(header.get("event_type")),
            word(header.get("app_id")),
            word(header.get("tenant_key")),
            word(header.get("create_time")),
            word(header.get("token")),
            body,
        )
    if "uuid" not in payload:
        return None
    return Envelope(
        "1.0",
        word(payload.get("uuid")),
        word(body.get("type")),
        word(body.get("app_id")),
        word(body.get("tenant_key")),
        word(payload.get("ts")),
        word(payload.get("token")),
        body,
    )


def milliseconds(text: str) -> int | None:
    """A time of Feishu's since the epoch: seconds, milli- or microseconds are told apart by their size."""
    try:
        value = float(text)
    except ValueError:
        return None
    if not 0 < value < MOST_MICROSECONDS:  # also not a number
        return None
    if value >= LEAST_MICROSECONDS:
        return int(value // 1000)
    if value >= LEAST_MILLISECONDS:
        return int(value)
    return int(value * 1000)


LEAST_MICROSECONDS: Final = 1e15
LEAST_MILLISECONDS: Final = 1e11
MOST_MICROSECONDS: Final = 1e17

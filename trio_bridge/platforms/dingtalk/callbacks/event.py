"""Events of the organisation: kept with the headers that tell what they are, which are no part of their data."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import attrs

from ....wire.jsontext import encodable, parse, word
from ..extract import milliseconds, moment


@attrs.frozen(kw_only=True)
class Event:
    """Something happened in the organisation."""

    type: str
    """``user_add_org``, ``chat_update_title`` …"""
    id: str
    """The same on every redelivery; empty where the platform gave none."""
    corp_id: str = ""
    born_at: datetime | None = None
    """By the platform's clock; ``None`` where it said nothing."""
    data: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    """What happened. Its fields depend on the type."""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    """``headers`` as they came, and ``data`` as text, to the letter."""


EventHandler = Callable[[Event], Awaitable[None]]
"""``async def on_event(event)``."""


def keep_event(headers: Mapping[str, Any], data: str) -> str:
    """An event in one text, for the store. The data stays to the letter what it was."""
    words = {encodable(name): word(value) for name, value in headers.items() if word(value)}
    return json.dumps({"headers": words, "data": data}, ensure_ascii=False, separators=(",", ":"))


def read_event(kept: str) -> Event:
    """The event in a text that :func:`keep_event` made."""
    raw = parse(kept)
    headers = raw["headers"]
    return Event(
        type=event_type(headers),
        id=event_id(headers),
        corp_id=word(headers.get("eventCorpId")),
        born_at=moment(milliseconds(headers.get("eventBornTime"))),
        data=parse(raw["data"]),
        raw=raw,
    )


def event_type(headers: Mapping[str, Any]) -> str:
    return word(headers.get("eventType"))


def event_id(headers: Mapping[str, Any]) -> str:
    return word(headers.get("eventId"))


def event_lane(headers: Mapping[str, Any]) -> str:
    """Events of one kind stay in order, and nothing else waits for them."""
    return f"event:{word(headers.get('eventCorpId'))}:{event_type(headers)}"

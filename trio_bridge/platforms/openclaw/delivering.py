"""Events that are stored and handled, for whoever wants them so: they become deliveries, and those messages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from typing import Any, Final

from ...messages import Conversation, Message, MessageContext, Sender
from ...wire.jsontext import parse, word
from ...wire.protocol import Delivery
from .chat.tracker import text_of
from .config import OpenClaw
from .frames import Event

ENDS: Final = ("final", "aborted", "error")
"""States of a run that end it. What comes before is none of a handler's business."""


def delivery_of(event: Event, wanted: Collection[str], is_ours: Callable[[object], bool]) -> Delivery | None:
    """An event as something to store, or ``None`` for what nobody asked for."""
    if event.name not in wanted:
        return None
    payload = event.payload
    data = json.dumps(payload, ensure_ascii=False)
    if event.name == "chat":
        run_id = word(payload.get("runId"))
        if payload.get("state") not in ENDS or is_ours(run_id):
            return None
        key = f"chat:{run_id}"
    elif id_ := word(payload.get("id")):
        key = f"{event.name}:{id_}"
    else:
        key = f"{event.name}:{hashlib.sha256(data.encode()).hexdigest()[:32]}"
    return Delivery(key, word(payload.get("sessionKey")) or event.name, event.name, data)


def message_of(delivery: Delivery, config: OpenClaw, context: MessageContext | None) -> Message | None:
    """What a handler is given of an event: the text of a run that ended, and ``raw`` for all else."""
    try:
        payload: Any = parse(delivery.data)
    except ValueError:
        return None
    if not isinstance(payload, dict):
        return None
    said = text_of(payload.get("message")) or word(payload.get("errorMessage"))
    return Message(
        platform=config.platform,
        account=config.name,
        id=delivery.key,
        conversation=Conversation(delivery.lane, "direct", ""),
        sender=Sender(word(payload.get("agentId")) or delivery.topic),
        text=said,
        raw={"event": delivery.topic, **payload},
        context=context,
    )

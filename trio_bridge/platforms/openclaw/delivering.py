"""Events that are stored and handled, for whoever wants them so: they become deliveries, and those messages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
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
    """An event as something to store, or ``None`` for what nobody asked for, or nobody could read again."""
    payload = event.payload
    if event.name not in wanted or (event.name == "chat" and not _is_end_of_another(payload, is_ours)):
        return None
    try:
        data = json.dumps(payload, ensure_ascii=False)
    except RecursionError:  # It was read with a little less on the stack.
        return None
    id_ = word(payload.get("runId" if event.name == "chat" else "id"))
    key = f"{event.name}:{id_ or hashlib.sha256(data.encode()).hexdigest()[:32]}"
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


def _is_end_of_another(payload: Mapping[str, Any], is_ours: Callable[[object], bool]) -> bool:
    """Whether a run ends with it that nobody here waits for."""
    return payload.get("state") in ENDS and not is_ours(word(payload.get("runId")))

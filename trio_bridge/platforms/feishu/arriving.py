"""What an event is to an account, whichever way it came: to be stored, to be answered at once, or for nobody."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from typing import Any, Final

from ...wire.jsontext import word
from ...wire.protocol import Delivery
from .config import Feishu
from .events.envelope import Envelope, milliseconds, read_envelope
from .events.topics import ANSWERED, MESSAGE, MESSAGES
from .scopes import scope_of
from .settings.callbacks import EVERY

UNREADABLE: Final = "unreadable"
"""The topic of what is no event: kept, and shown to an operator."""
NOT_JSON: Final = "not JSON"
"""The same for what is no JSON either: Feishu is told so."""

logger = logging.getLogger(__name__)


class Arriving:
    """The rules of one account.

    1. What is about another app is for nobody; so is what nobody handles.
    2. A message that is too old when it arrives is for nobody. Once it is stored it can't become too old any more.
    3. A message is known by its own id and by that of its event: either is enough, whichever of them comes again.
    """

    def __init__(self, config: Feishu, wall: Callable[[], float]) -> None:
        self._config = config
        self._wall = wall
        self._handled = config.handled
        self._scope = scope_of(config)
        self._strangers: set[str] = set()

    def of(self, payload: Any, text: str, ack: Any = None) -> Delivery | None:
        """What a payload is, from a connection that ``ack`` belongs to. ``None``: it is for nobody."""
        envelope = read_envelope(payload)
        if envelope is None:
            if _is_of_old(payload):
                return None
            return self.unreadable(UNREADABLE, text, ack)
        return self.delivery(envelope, payload, text, ack)

    def delivery(self, envelope: Envelope, payload: Any, text: str, ack: Any = None) -> Delivery | None:
        """What an event is. ``None``: it is for nobody."""
        if envelope.app_id and envelope.app_id != self._config.app_id:
            self._wonder(envelope.app_id)
            return None
        kind = envelope.event_type
        key = envelope.event_id or _digest(text)
        if kind in MESSAGES:
            return self._message(envelope, payload, key, text, ack)
        if kind not in self._handled and (EVERY not in self._handled or kind in ANSWERED):
            return None
        if kind in ANSWERED:
            return Delivery(key, key, kind, text, ack, answer_within=self._config.callback_deadline)
        return Delivery(key, word(envelope.body.get("chat_id")) or f"event:{kind}", kind, text, ack)

    def unreadable(self, topic: str, text: str, ack: Any = None) -> Delivery:
        """What nobody can read: it goes to the dead letters."""
        key = _digest(text)
        return Delivery(key, key, topic, text, ack)

    def _message(self, envelope: Envelope, payload: Any, key: str, text: str, ack: Any) -> Delivery | None:
        body = envelope.body
        if envelope.event_type == MESSAGE:
            message = body.get("message")
            if not isinstance(message, dict):
                message = {}
            message_id, said_at = word(message.get("message_id")), word(message.get("create_time"))
        else:
            message_id, said_at = word(body.get("open_message_id")), envelope.created_at
        if self._is_stale(said_at):
            logger.info("too old, and passed over", extra={**self._config.labels, "message": message_id})
            return None
        # Messages have been seen to come again as another event: what people know is the message.
        known_by = (message_id, f"e:{key}") if message_id else (key, None)
        return Delivery(known_by[0], self._scope(payload) or key, envelope.event_type, text, ack, known_by[1])

    def _is_stale(self, said_at: str) -> bool:
        limit = self._config.stale_after
        if not limit or (at := milliseconds(said_at)) is None:
            return False
        return self._wall() - at / 1000 > limit

    def _wonder(self, app_id: str) -> None:
        if app_id not in self._strangers and len(self._strangers) < 10:
            self._strangers.add(app_id)
            fields = {**self._config.labels, "app_id": app_id}
            logger.warning("an event of another app arrived, and is passed over", extra=fields)


def is_callback(payload: Any) -> bool:
    """Whether somebody waits for the answer to it."""
    envelope = read_envelope(payload)
    return envelope is not None and envelope.event_type in ANSWERED


def _is_of_old(payload: Any) -> bool:
    """Whether it is one of the calls that were there before events: a press on an old card, a question to a webhook."""
    return isinstance(payload, dict) and ("open_message_id" in payload or payload.get("type") == "url_verification")


def _digest(text: str) -> str:
    return f"d:{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:32]}"

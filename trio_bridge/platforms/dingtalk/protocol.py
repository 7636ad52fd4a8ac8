"""Stream Mode on one connection, without I/O: frames in, a batch out; a delivery in, its acknowledgement out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from ...wire.jsontext import encodable, parse, word
from ...wire.protocol import Batch, Delivery, Frame
from .callbacks.card_action import ANSWER_WITHIN as PRESS_LIMIT
from .callbacks.card_action import card_answer, press_key, read_card_action
from .callbacks.event import event_id, event_lane, event_type, keep_event
from .callbacks.graph_call import ANSWER_WITHIN as CALL_LIMIT
from .callbacks.graph_call import FAILED, LATE, GraphResponse, graph_answer
from .frames import (
    BAD_REQUEST,
    CARD,
    DELEGATE,
    EVENTS,
    GRAPH,
    HANDLER_FAILED,
    ROBOT,
    UNKNOWN_TOPIC,
    BadFrame,
    Envelope,
    answer_frame,
    decode,
)
from .who import chat_id, host_id

TAKEN: Final = '{"response":{"success":true}}'
"""Acknowledges a robot message. The server does not look at it."""

EVENT_TAKEN: Final = '{"status":"SUCCESS","message":"OK"}'
EVENT_LATER: Final = '{"status":"LATER","message":"not stored"}'

NOBODY_HOME: Final[Mapping[str, str]] = {CARD: card_answer(None), GRAPH: graph_answer(GraphResponse())}
"""Answers to what nobody handles: a card keeps what it shows, a call gets nothing."""

ANSWERS: Final[Mapping[str, Callable[[Any], str]]] = {
    CARD: card_answer,
    GRAPH: lambda answer: answer or graph_answer(LATE),
    EVENTS: lambda _: EVENT_TAKEN,
}
"""What acknowledges, from what the handler answered. ``None`` is the empty answer."""

FAILURES: Final[Mapping[str, str]] = {CARD: card_answer(None), GRAPH: graph_answer(FAILED)}


class DingTalkProtocol:
    """DingTalk Stream for one connection. It remembers nothing between two calls.

    ``handled`` are the topics of what is no message that somebody handles. The others are answered here. ``scope``
    says which conversation a message belongs to.
    """

    beat_interval: float | None = None  # The server sends pings of its own; ours are those of the WebSocket.

    def __init__(
        self, handled: frozenset[str] = frozenset(), scope: Callable[[Mapping[str, Any]], str] = chat_id
    ) -> None:
        self._handled = handled
        self._scope = scope

    def receive(self, frames: Sequence[Frame]) -> Batch:
        """What the frames mean. A frame that was refused aloud (400, 404) is not counted as bad once more."""
        batch = Batch()
        for frame in frames:
            try:
                envelope = decode(frame)
            except BadFrame:
                batch.bad += 1
                continue
            if envelope.type == "CALLBACK":
                self._take_callback(envelope, batch)
            elif envelope.type == "SYSTEM":
                _take_system(envelope, batch)
            else:
                self._take_event(envelope, batch)
        return batch

    def ack(self, delivery: Delivery, answer: Any = None) -> Frame | None:
        if delivery.ack is None:
            return None
        data = ANSWERS.get(delivery.topic)
        return answer_frame(delivery.ack, TAKEN if data is None else data(answer))

    def refuse(self, delivery: Delivery) -> Frame | None:
        """Events are asked for again; of a message, no answer is known to bring it back."""
        topic, ack_id = delivery.topic, delivery.ack
        if ack_id is None:
            return None
        if topic == EVENTS:
            return answer_frame(ack_id, EVENT_LATER)
        if topic in FAILURES:
            return answer_frame(ack_id, FAILURES[topic], code=HANDLER_FAILED, message="the handler failed")
        return None

    def beat(self) -> Frame:
        raise AssertionError("Stream Mode knows no ping of the client")  # pragma: no cover

    def expire(self, now: float) -> None:
        """Nothing waits here."""

    def _take_callback(self, envelope: Envelope, batch: Batch) -> None:
        topic = envelope.topic
        if topic not in (ROBOT, DELEGATE, CARD, GRAPH):
            _answer(envelope, batch, "{}", code=UNKNOWN_TOPIC, message="topic not supported")
            return
        try:
            text, data = _opened(envelope.data)
        except ValueError:
            _answer(envelope, batch, "{}", code=BAD_REQUEST, message="data is not a JSON object")
            return
        if topic not in NOBODY_HOME:
            key = _key(envelope, text, data)
            batch.deliveries.append(Delivery(key, self._lane(data) or key, topic, text, envelope.message_id))
        elif topic not in self._handled:
            _answer(envelope, batch, NOBODY_HOME[topic])
        elif topic == CARD:
            action = read_card_action(data)
            key = press_key(action) or _key(envelope, text, {})
            batch.deliveries.append(Delivery(key, key, topic, text, envelope.message_id, answer_within=PRESS_LIMIT))
        else:
            key = _key(envelope, text, {})
            batch.deliveries.append(Delivery(key, key, topic, text, envelope.message_id, answer_within=CALL_LIMIT))

    def _lane(self, data: dict[str, Any]) -> str:
        """The conversation. What is said to somebody whom the robot stands in for is none of the robot's own."""
        chat, host = self._scope(data), host_id(data)
        return f"host:{host}:{chat}" if host else chat

    def _take_event(self, envelope: Envelope, batch: Batch) -> None:
        """An event that can't be read is a success: it would otherwise come back for ever."""
        headers = envelope.headers
        try:
            text, _ = _opened(envelope.data)
        except ValueError:
            batch.bad += 1
            if EVENTS in self._handled:
                batch.lost.append(f"event {event_type(headers)} {event_id(headers)}: data is not a JSON object")
            _answer(envelope, batch, EVENT_TAKEN)
            return
        if EVENTS not in self._handled:
            _answer(envelope, batch, EVENT_TAKEN)
            return
        key = f"event:{event_id(headers) or _key(envelope, text, {})}"
        batch.deliveries.append(
            Delivery(key, event_lane(headers), EVENTS, keep_event(headers, text), envelope.message_id)
        )


def _take_system(envelope: Envelope, batch: Batch) -> None:
    if envelope.topic == "disconnect":
        batch.leaving = _reason(envelope.data)
    else:  # Pings, and notices that want the same answer: their own data, unread.
        try:
            echo = _text({} if envelope.data is None else envelope.data)
        except ValueError:
            echo = "{}"
        _answer(envelope, batch, echo)


def _answer(envelope: Envelope, batch: Batch, data: str, *, code: int = 200, message: str = "OK") -> None:
    if envelope.message_id is not None:
        batch.replies.append(answer_frame(envelope.message_id, data, code=code, message=message))


def _opened(data: Any) -> tuple[str, dict[str, Any]]:
    """The payload as text that can be kept, and what it says.

    Raises:
      ValueError: it is not a JSON object.
    """
    text = _text(data)
    value = parse(text)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return text, value


def _text(data: Any) -> str:
    try:
        return encodable(data) if isinstance(data, str) else json.dumps(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None


OUR_KEYS: Final = ("event:", "h:", "d:", "m:")
"""How keys begin that are no ids of messages."""


def _key(envelope: Envelope, text: str, data: dict[str, Any]) -> str:
    """What all deliveries of one message have in common: its own id, which a redelivery keeps."""
    if message := word(data.get("msgId")):
        # An id that looks like a key that we made of something else could hide that.
        return f"m:{message}" if message.startswith(OUR_KEYS) else message
    if envelope.message_id is not None:
        return f"h:{envelope.message_id}"
    return f"d:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _reason(data: Any) -> str:
    try:
        return word(_opened(data)[1].get("reason"))
    except ValueError:
        return ""

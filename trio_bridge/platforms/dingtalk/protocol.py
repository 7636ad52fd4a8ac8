"""Stream Mode on one connection, without I/O: frames in, a batch out; a delivery in, its acknowledgement out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

from ...wire.protocol import Batch, Delivery, Frame
from .frames import (
    BAD_REQUEST,
    CARD,
    DELEGATE,
    GRAPH,
    ROBOT,
    UNKNOWN_TOPIC,
    BadFrame,
    Envelope,
    answer_frame,
    decode,
    encodable,
    parse,
    word,
)
from .who import chat_id

TAKEN: Final = '{"response":{"success":true}}'
"""Acknowledges a robot message. The server does not look at it."""

EVENT_TAKEN: Final = '{"status":"SUCCESS","message":"OK"}'

NO_ANSWER: Final = {
    # The two options keep what the card shows: without them an empty answer empties the card.
    CARD: '{"response":{"cardUpdateOptions":{"updateCardDataByKey":true,"updatePrivateDataByKey":true},'
    '"cardData":{"cardParamMap":{}},"userPrivateData":{"cardParamMap":{}}}}',
    GRAPH: '{"response":{"body":"","headers":{},"statusLine":{"code":200,"reasonPhrase":"OK"}}}',
}
"""Callbacks whose acknowledgement carries the answer, for when nobody has one."""


class DingTalkProtocol:
    """DingTalk Stream for one connection. It remembers nothing between two calls."""

    beat_interval: float | None = None  # The server sends pings of its own; ours are those of the WebSocket.

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
                _take_callback(envelope, batch)
            elif envelope.type == "SYSTEM":
                _take_system(envelope, batch)
            else:
                _take_event(envelope, batch)
        return batch

    def ack(self, delivery: Delivery, answer: Any = None) -> Frame | None:
        return None if delivery.ack_id is None else answer_frame(delivery.ack_id, TAKEN)

    def refuse(self, delivery: Delivery) -> Frame | None:
        """Silence: what is not acknowledged may come again, and no code is known to bring it back."""
        return None

    def beat(self) -> Frame:
        raise AssertionError("Stream Mode knows no ping of the client")  # pragma: no cover

    def expire(self, now: float) -> None:
        """Nothing waits here."""


def _take_callback(envelope: Envelope, batch: Batch) -> None:
    topic = envelope.topic
    if topic not in (ROBOT, DELEGATE, CARD, GRAPH):
        _answer(envelope, batch, "{}", code=UNKNOWN_TOPIC, message="topic not supported")
        return
    try:
        text, data = _opened(envelope.data)
    except ValueError:
        _answer(envelope, batch, "{}", code=BAD_REQUEST, message="data is not a JSON object")
        return
    if topic in NO_ANSWER:
        _answer(envelope, batch, NO_ANSWER[topic])
    else:
        key = _key(envelope, text, data)
        batch.deliveries.append(Delivery(key, chat_id(data) or key, topic, text, envelope.message_id))


def _take_system(envelope: Envelope, batch: Batch) -> None:
    if envelope.topic == "disconnect":
        batch.leaving = _reason(envelope.data)
    else:  # Pings, and notices that want the same answer: their own data, unread.
        try:
            echo = _text({} if envelope.data is None else envelope.data)
        except ValueError:
            echo = "{}"
        _answer(envelope, batch, echo)


def _take_event(envelope: Envelope, batch: Batch) -> None:
    """Always a success: an event that can't be read would otherwise come back for ever."""
    try:
        _opened(envelope.data)
    except ValueError:
        batch.bad += 1
    _answer(envelope, batch, EVENT_TAKEN)


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


def _key(envelope: Envelope, text: str, data: dict[str, Any]) -> str:
    """What all deliveries of one message have in common: its own id, which a redelivery keeps."""
    if message := word(data.get("msgId")):
        return message
    if envelope.message_id is not None:
        return f"h:{envelope.message_id}"
    return f"d:{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def _reason(data: Any) -> str:
    try:
        return word(_opened(data)[1].get("reason"))
    except ValueError:
        return ""

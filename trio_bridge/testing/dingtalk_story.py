"""What became of a message, in words: for whoever waits for an answer that does not come."""

from __future__ import annotations

from collections.abc import Mapping

from ..platforms.dingtalk.gateway.frames import Letter, as_object
from ..platforms.dingtalk.gateway.ledger import MessageRecord
from .stories import excerpt, times


def story_of(record: MessageRecord) -> str:
    """One line: ``message 3 'hello': delivered once, acknowledged, never answered``."""
    told = [f"{times(len(record.deliveries))} delivered"]
    if not record.deliveries:
        told.append("as nobody was there who had subscribed to it")
    else:
        told.append("acknowledged" if record.settled else _unsettled(record))
        if record.pushed.letter.wants_answer:
            told.append(f"{times(len(record.replies))} answered")
    return f"message {record.pushed.number} {words_of(record.pushed.letter)!r}: {', '.join(told)}"


def words_of(letter: Letter) -> str:
    """The beginning of what a person wrote; of anything else, what it is."""
    data = as_object(letter.data)
    text = data.get("text")
    words = str(text.get("content", "")).strip() if isinstance(text, Mapping) else ""
    words = words or str(data.get("msgtype", "")) or letter.headers.get("eventType", letter.topic)
    return excerpt(words)


def _unsettled(record: MessageRecord) -> str:
    if not record.acks:
        return "never acknowledged"
    last = record.acks[-1]
    return f"acknowledged as {last.verdict}" if last.rightly else "acknowledged on another connection"

"""What became of an event, in words: for whoever waits for an answer that does not come."""

from __future__ import annotations

from collections.abc import Mapping

from ..platforms.feishu.gateway.ledger import MessageRecord
from ..platforms.feishu.gateway.letters import Letter, as_object
from .stories import excerpt, times


def story_of(record: MessageRecord) -> str:
    """One line: ``event 3 'hello': once delivered, acknowledged, never answered``."""
    told = [f"{times(len(record.deliveries))} delivered"]
    if not record.deliveries:
        told.append("as nobody was there")
    else:
        told.append("acknowledged" if record.settled else _unsettled(record))
        if record.pushed.letter.wants_answer:
            told.append(f"{times(len(record.replies))} answered")
    return f"event {record.pushed.number} {words_of(record.pushed.letter)!r}: {', '.join(told)}"


def words_of(letter: Letter) -> str:
    """The beginning of what a person wrote; of anything else, what it is."""
    event = as_object(letter.data).get("event")
    message = event.get("message") if isinstance(event, Mapping) else None
    content = message.get("content") if isinstance(message, Mapping) else None
    words = as_object(content).get("text") if isinstance(content, str) else None
    return excerpt(words if isinstance(words, str) and words else letter.event_type)


def _unsettled(record: MessageRecord) -> str:
    if not record.acks:
        return "never acknowledged"
    last = record.acks[-1]
    if not last.rightly:
        return "acknowledged on another connection"
    return "acknowledged too late" if last.verdict == "late" else "asked for again"

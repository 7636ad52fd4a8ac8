"""What the tests read when everything is over: the journal to its end, and the order in the platform's ledger."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import attrs

from tests.crash.journal import Line
from trio_bridge.platforms.dingtalk.gateway.ledger import MessageRecord


@attrs.frozen
class Book:
    """The journal, read to its end: at which line what happened to a message."""

    begun: dict[str, list[int]]
    ended: dict[str, list[int]]
    done: dict[str, list[int]]
    acked: dict[str, list[int]]
    running: list[tuple[str, int]]
    """The kind of each kill, and how many handlers ran."""

    @classmethod
    def of(cls, lines: Sequence[Line]) -> Book:
        book = cls({}, {}, {}, {}, [])
        running: set[str] = set()
        for number, (word, what) in enumerate(lines):
            if word in ("begun", "ended", "done", "acked"):
                getattr(book, word).setdefault(what, []).append(number)
            if word == "begun":
                running.add(what)
            elif word == "ended":
                running.discard(what)
            elif word == "killed":
                book.running.append((what, len(running)))
                running.clear()
        return book

    def handled_again(self) -> list[str]:
        """Messages that were begun again after their completion."""
        return [key for key, done in self.done.items() if self.begun[key][-1] > done[0]]


def comes_before(one: MessageRecord, other: MessageRecord) -> bool:
    """Whether one message certainly reached the bridge before the other was there for the first time."""
    [acked, *_] = [ack for ack in one.acks if ack.rightly]
    [taken] = [delivery for delivery in one.deliveries if delivery.message_id == acked.message_id]
    first = other.deliveries[0]
    return acked.at < first.at or (taken.connection == first.connection and taken.at < first.at)


def pairs(records: Sequence[MessageRecord]) -> list[tuple[str, str]]:
    """Messages of one conversation, two by two, whose order of arrival is certain."""
    conversations: dict[str, list[MessageRecord]] = {}
    for record in records:
        conversations.setdefault(record.pushed.letter.conversation, []).append(record)
    return [
        (one.pushed.key, other.pushed.key)
        for conversation in conversations.values()
        for one, other in permutations(conversation, 2)
        if comes_before(one, other)
    ]

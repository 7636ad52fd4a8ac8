"""What a server knows of the messages that it pushed: what became of each, and how many of each app's there were."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Generic, Protocol, Self, TypeVar

import attrs


class Letter(Protocol):
    """What was pushed."""

    @property
    def wants_answer(self) -> bool: ...


class Pushed(Protocol):
    """A message that was handed to the server to be pushed. ``number``: counted from 0, over all apps."""

    @property
    def number(self) -> int: ...

    @property
    def letter(self) -> Letter: ...


class Acked(Protocol):
    """A client acknowledged a delivery. ``rightly``: on the connection that delivered it."""

    @property
    def verdict(self) -> str: ...

    @property
    def rightly(self) -> bool: ...


AnyPushed = TypeVar("AnyPushed", bound=Pushed)
AnyAcked = TypeVar("AnyAcked", bound=Acked)
AnyReplied = TypeVar("AnyReplied")


@attrs.frozen
class Delivery:
    """A message was put on a connection."""

    connection: str
    message_id: str
    """Of this delivery: a message that is delivered again has another."""
    at: float


@attrs.frozen(kw_only=True)
class Summary:
    """Counts of messages, unless the name says something else."""

    pushed: int = 0
    undelivered: int = 0
    """Never put on any connection: nobody was there who wanted it."""
    delivered: int = 0
    """Put on a connection at least once."""
    redelivered: int = 0
    """Put on a connection at least twice."""
    deliveries: int = 0
    """How often messages were put on a connection, all together."""
    acked: int = 0
    """Settled by an acknowledgement on the right connection."""
    unacked: int = 0
    """Delivered and not settled."""
    refused: int = 0
    """Acknowledgements, on the right connection, with a code that says: not taken."""
    acked_on_wrong_connection: int = 0
    """Acknowledgements that came on another connection than the delivery."""
    replies: int = 0
    """Replies that belong to a message."""
    unmatched_replies: int = 0
    """Replies that belong to no message."""
    answered: int = 0
    """With at least one reply."""
    answered_twice: int = 0
    """With more than one reply."""
    unanswered: int = 0
    """Delivered messages of people without a reply."""
    faults: int = 0
    """Rules broken."""

    def __add__(self, other: Self) -> Self:
        return type(self)(**{name: value + getattr(other, name) for name, value in attrs.asdict(self).items()})


AnySummary = TypeVar("AnySummary", bound=Summary)


@attrs.define(eq=False)
class Entry(Generic[AnyPushed, AnyAcked, AnyReplied]):
    """A message while it is written about."""

    app: str
    """Whose it is."""
    place: Hashable | None
    """Where its answer is said; ``None``: nowhere."""
    pushed: AnyPushed
    deliveries: tuple[Delivery, ...] = ()  # tuples: most stay short, and hundreds of thousands are kept
    acks: tuple[AnyAcked, ...] = ()
    replies: tuple[AnyReplied, ...] = ()
    settled: bool = False


AnyEntry = TypeVar("AnyEntry", bound=Entry[Any, Any, Any])


class Book(Generic[AnyEntry, AnySummary]):
    """Entries by number, who waits for a reply where, and the counts of every app.

    Counts are kept as things happen: a live table asks for them more often than it can recount.
    """

    watch: Callable[[Any, Any], None]
    """Told of every push, with ``None``, and of what comes after it."""

    def __init__(self, summary: type[AnySummary]) -> None:
        self.watch = _unwatched
        self._entries: list[AnyEntry] = []
        self._summary_of = summary
        nothing = attrs.asdict(summary())
        self._counts: defaultdict[str, dict[str, int]] = defaultdict(nothing.copy)  # by app, named as in its summary
        self._unanswered: dict[tuple[str, Hashable], deque[AnyEntry]] = {}
        self._newest: dict[tuple[str, Hashable], AnyEntry] = {}

    def entry(self, pushed: Pushed) -> AnyEntry:
        """What is written about this message."""
        return self._entries[pushed.number]

    def delivered(self, entry: AnyEntry, connection: str, message_id: str, now: float) -> None:
        """Note that a message was put on a connection."""
        entry.deliveries += (Delivery(connection, message_id, now),)
        counts = self._counts[entry.app]
        counts["deliveries"] += 1
        if len(entry.deliveries) == 2:
            counts["redelivered"] += 1
        elif len(entry.deliveries) == 1:
            counts["delivered"] += 1
            counts["undelivered"] -= 1
            counts["unacked"] += 1
            if entry.pushed.letter.wants_answer:
                counts["unanswered"] += not entry.replies
                self._expect_reply(entry)
        self.watch(entry.pushed, entry.deliveries[-1])

    # What a platform's ledger is made of.

    def _of(self, app: str | None) -> Iterator[AnyEntry]:
        return (entry for entry in self._entries if app in (None, entry.app))

    def _summary(self, app: str | None) -> AnySummary:
        if app is None:
            return sum(map(self._summary, self._counts), self._summary_of())
        return self._summary_of(**self._counts[app])

    def _replies_per_message(self, app: str | None) -> Mapping[int, int]:
        wanting = (entry for entry in self._of(app) if entry.deliveries and entry.pushed.letter.wants_answer)
        return dict(sorted(Counter(len(entry.replies) for entry in wanting).items()))

    def _enter(self, entry: AnyEntry) -> None:
        self._entries.append(entry)
        counts = self._counts[entry.app]
        counts["pushed"] += 1
        counts["undelivered"] += 1
        self.watch(entry.pushed, None)

    def _acked(self, entry: AnyEntry, acked: Acked, *, settles: bool) -> None:
        """Note an acknowledgement. It settles nothing on a wrong connection."""
        entry.acks += (acked,)
        self.watch(entry.pushed, acked)
        counts = self._counts[entry.app]
        if not acked.rightly:
            counts["acked_on_wrong_connection"] += 1
            return
        if acked.verdict != "accepted":
            counts[acked.verdict] += 1  # a summary has a count under the name of each other verdict
        if settles and not entry.settled:
            entry.settled = True
            counts["acked"] += 1
            counts["unacked"] -= 1

    def _replied(self, app: str, entry: AnyEntry | None, reply: object) -> None:
        """Note an answer to a message, or to nobody's."""
        counts = self._counts[app]
        if entry is None:
            counts["unmatched_replies"] += 1
            return
        entry.replies += (reply,)
        counts["replies"] += 1
        if len(entry.replies) == 2:
            counts["answered_twice"] += 1
        elif len(entry.replies) == 1:
            counts["answered"] += 1
            counts["unanswered"] -= bool(entry.deliveries) and entry.pushed.letter.wants_answer

    def _meant_in(self, app: str, place: Hashable) -> AnyEntry | None:
        """The message that an answer there belongs to: the oldest without a reply, else the newest."""
        return self._oldest_unanswered((app, place)) or self._newest.get((app, place))

    def _expect_reply(self, entry: AnyEntry) -> None:
        if entry.place is None:
            return
        where = (entry.app, entry.place)
        self._oldest_unanswered(where)  # takes off what was answered: the queue holds no more than waits
        self._unanswered.setdefault(where, deque()).append(entry)
        self._newest[where] = entry

    def _oldest_unanswered(self, where: tuple[str, Hashable]) -> AnyEntry | None:
        waiting = self._unanswered.get(where)
        while waiting:
            if not waiting[0].replies:
                return waiting[0]
            waiting.popleft()
        return None


def _unwatched(pushed: object, note: object) -> None:
    """Nobody looks over the shoulder of whoever writes."""

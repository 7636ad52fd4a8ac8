"""What really happened, as the server saw it: the judge of every client, ours included.

Rules:

1. A message is one push. Each time it is put on a connection is a delivery, with a message id of its own.
2. An acknowledgement counts if it came on the connection that delivered the id it names. Elsewhere it is a fault.
3. A message is settled by an acknowledgement with code 200 in time. After a late one the message comes again.
4. A reply names the message it belongs to. What is said into a chat belongs to the oldest message there that has no
   reply yet, else to the newest; where nobody had said anything, it is unmatched.
5. Only what the server carried out is a reply. A call that was refused is not.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import attrs

from .letters import Letter

Verdict = Literal["accepted", "late", "refused"]
FaultKind = Literal[
    "ack_differs",
    "ack_on_wrong_connection",
    "ack_twice",
    "ack_unknown",
    "ack_unreadable",
    "callback_answer_unreadable",
    "card_update_early",
    "control_unknown",
    "frame_unreadable",
    "ping_differs",
    "protocol_broken",
    "text_message",
]


@attrs.frozen
class Pushed:
    """A message that was handed to the server to be pushed."""

    number: int
    """Counted from 0, over all apps."""
    app_id: str
    at: float
    letter: Letter

    @property
    def key(self) -> str:
        """The event id, or the uuid of schema 1.0."""
        return self.letter.key


@attrs.frozen
class Delivery:
    """A message was put on a connection."""

    connection: str
    message_id: str
    """Of this delivery: not the ``om_…`` of the message."""
    at: float


@attrs.frozen
class Acked:
    """A client acknowledged a delivery. ``rightly``: on the connection that delivered it."""

    connection: str
    message_id: str
    at: float
    code: int
    verdict: Verdict
    rightly: bool


@attrs.frozen
class Replied:
    """The client's answer to the person was carried out."""

    at: float
    text: str = attrs.field(repr=False)
    message_id: str = ""
    """The ``om_…`` of the answer."""


@attrs.frozen
class Fault:
    """A client broke a rule of the platform."""

    kind: FaultKind
    app_id: str
    connection: str
    at: float
    detail: str = ""


@attrs.frozen
class MessageRecord:
    """Everything that is known of one message."""

    pushed: Pushed
    deliveries: tuple[Delivery, ...]
    acks: tuple[Acked, ...]
    replies: tuple[Replied, ...]
    settled: bool
    """Whether the server is content and sends it no more."""
    given_up: bool
    """Whether it was not settled, and the server sends it no more."""


@attrs.frozen(kw_only=True)
class Summary:
    """Counts of messages, unless the name says something else."""

    pushed: int = 0
    undelivered: int = 0
    """Never put on any connection."""
    delivered: int = 0
    """Put on a connection at least once."""
    redelivered: int = 0
    """Put on a connection at least twice."""
    deliveries: int = 0
    """How often messages were put on a connection, all together."""
    acked: int = 0
    """Settled: acknowledged with 200, in time, on the right connection."""
    unacked: int = 0
    """Delivered and not settled."""
    late: int = 0
    """Acknowledgements that came too late."""
    refused: int = 0
    """Acknowledgements that ask for the message again."""
    acked_on_wrong_connection: int = 0
    """Acknowledgements that came on another connection than the delivery."""
    given_up: int = 0
    """Never settled, however often they were sent."""
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
    """Rules broken, see :attr:`.Ledger.faults`."""

    def __add__(self, other: Summary) -> Summary:
        return Summary(**{name: value + getattr(other, name) for name, value in attrs.asdict(self).items()})


@attrs.define(eq=False)
class Entry:
    """A message while it is written about."""

    pushed: Pushed
    deliveries: tuple[Delivery, ...] = ()  # tuples: most stay short, and hundreds of thousands are kept
    acks: tuple[Acked, ...] = ()
    replies: tuple[Replied, ...] = ()
    settled: bool = False
    given_up: bool = False
    missed: int = 0
    """Deliveries that were not acknowledged as they should be: how far up the ladder it is."""

    def freeze(self) -> MessageRecord:
        return MessageRecord(self.pushed, self.deliveries, self.acks, self.replies, self.settled, self.given_up)


Watch = Callable[[Pushed, Delivery | Acked | None], None]
"""Told of every push, with ``None``, and of what comes after it."""


def _unwatched(pushed: Pushed, note: Delivery | Acked | None) -> None:
    """Nobody looks over the shoulder of whoever writes."""


@attrs.define
class _Tally:
    """One app's counts, kept as things happen: a live table asks for them more often than it can recount."""

    pushed: int = 0
    delivered: int = 0
    redelivered: int = 0
    deliveries: int = 0
    acked: int = 0
    late: int = 0
    refused: int = 0
    acked_on_wrong_connection: int = 0
    given_up: int = 0
    replies: int = 0
    unmatched_replies: int = 0
    answered: int = 0
    answered_twice: int = 0
    unanswered: int = 0
    faults: int = 0

    def freeze(self) -> Summary:
        counts = attrs.asdict(self)
        return Summary(undelivered=self.pushed - self.delivered, unacked=self.delivered - self.acked, **counts)


class Ledger:
    """The book of one server: every message, delivery, acknowledgement, reply and fault."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        """What clients did wrong, in order."""
        self.watch: Watch = _unwatched
        self._entries: list[Entry] = []
        self._tallies: dict[str, _Tally] = {}
        self._by_message: dict[tuple[str, str], Entry] = {}
        self._unanswered: dict[tuple[str, str], deque[Entry]] = {}
        self._newest: dict[tuple[str, str], Entry] = {}

    # What the tests and the demo read.

    def record(self, pushed: Pushed) -> MessageRecord:
        """What is known of this message now."""
        return self.entry(pushed).freeze()

    def records(self, app_id: str | None = None) -> Iterator[MessageRecord]:
        """Every message in the order of the pushes, of one app or of all."""
        return (entry.freeze() for entry in self._entries if app_id in (None, entry.pushed.app_id))

    def summary(self, app_id: str | None = None) -> Summary:
        """The counts of one app, or of all together."""
        if app_id is not None:
            return self._tally(app_id).freeze()
        return sum((tally.freeze() for tally in self._tallies.values()), Summary())

    def replies_per_message(self, app_id: str | None = None) -> Mapping[int, int]:
        """How many delivered messages of people have no reply, one reply, two…"""
        counts: dict[int, int] = {}
        for entry in self._entries:
            if app_id in (None, entry.pushed.app_id) and entry.deliveries and entry.pushed.letter.wants_answer:
                counts[len(entry.replies)] = counts.get(len(entry.replies), 0) + 1
        return dict(sorted(counts.items()))

    # What the gateways write.

    def entry(self, pushed: Pushed) -> Entry:
        return self._entries[pushed.number]

    def find(self, app_id: str, message_id: str) -> Pushed | None:
        """The message of a person that has this ``om_…``."""
        entry = self._by_message.get((app_id, message_id))
        return entry.pushed if entry else None

    def pushed(self, app_id: str, letter: Letter, now: float) -> Entry:
        entry = Entry(Pushed(len(self._entries), app_id, now, letter))
        self._entries.append(entry)
        self._tally(app_id).pushed += 1
        if letter.wants_answer and letter.message_id:
            self._by_message[app_id, letter.message_id] = entry
        self.watch(entry.pushed, None)
        return entry

    def delivered(self, entry: Entry, connection: str, message_id: str, now: float) -> None:
        entry.deliveries += (Delivery(connection, message_id, now),)
        tally = self._tally(entry.pushed.app_id)
        tally.deliveries += 1
        if len(entry.deliveries) == 2:
            tally.redelivered += 1
        elif len(entry.deliveries) == 1:
            tally.delivered += 1
            if entry.pushed.letter.wants_answer:
                tally.unanswered += not entry.replies
                self._expect_reply(entry)
        self.watch(entry.pushed, entry.deliveries[-1])

    def acked(self, entry: Entry, acked: Acked) -> None:
        entry.acks += (acked,)
        self.watch(entry.pushed, acked)
        tally = self._tally(entry.pushed.app_id)
        if not acked.rightly:
            tally.acked_on_wrong_connection += 1
            return
        tally.late += acked.verdict == "late"
        tally.refused += acked.verdict == "refused"
        if acked.verdict == "accepted" and not entry.settled:
            entry.settled = True
            tally.acked += 1

    def gave_up(self, entry: Entry) -> None:
        entry.given_up = True
        self._tally(entry.pushed.app_id).given_up += 1

    def replied_to(self, app_id: str, message_id: str, reply: Replied) -> Pushed | None:
        """Note a reply that names its message; ``None`` if that is nobody's."""
        return self._replied(app_id, self._by_message.get((app_id, message_id)), reply)

    def replied_in(self, app_id: str, chat_id: str, reply: Replied) -> Pushed | None:
        """Note what was said into a chat; ``None`` if nobody had said anything there."""
        where = (app_id, chat_id)
        return self._replied(app_id, self._oldest_unanswered(where) or self._newest.get(where), reply)

    def reworded(self, pushed: Pushed, message_id: str, text: str) -> None:
        """Note that an answer has another text now."""
        entry = self.entry(pushed)
        entry.replies = tuple(
            attrs.evolve(each, text=text) if each.message_id == message_id else each for each in entry.replies
        )

    def fault(self, kind: FaultKind, app_id: str, connection: str, now: float, detail: str = "") -> None:
        self.faults.append(Fault(kind, app_id, connection, now, detail))
        self._tally(app_id).faults += 1

    def _replied(self, app_id: str, entry: Entry | None, reply: Replied) -> Pushed | None:
        tally = self._tally(app_id)
        if entry is None:
            tally.unmatched_replies += 1
            return None
        entry.replies += (reply,)
        tally.replies += 1
        if len(entry.replies) == 2:
            tally.answered_twice += 1
        elif len(entry.replies) == 1:
            tally.answered += 1
            tally.unanswered -= bool(entry.deliveries) and entry.pushed.letter.wants_answer
        return entry.pushed

    def _expect_reply(self, entry: Entry) -> None:
        if not entry.pushed.letter.chat_id:
            return
        where = (entry.pushed.app_id, entry.pushed.letter.chat_id)
        self._oldest_unanswered(where)  # takes off what was answered: the queue holds no more than waits
        self._unanswered.setdefault(where, deque()).append(entry)
        self._newest[where] = entry

    def _oldest_unanswered(self, where: tuple[str, str]) -> Entry | None:
        waiting = self._unanswered.get(where)
        while waiting:
            if not waiting[0].replies:
                return waiting[0]
            waiting.popleft()
        return None

    def _tally(self, app_id: str) -> _Tally:
        tally = self._tallies.get(app_id)
        if tally is None:
            tally = self._tallies[app_id] = _Tally()
        return tally

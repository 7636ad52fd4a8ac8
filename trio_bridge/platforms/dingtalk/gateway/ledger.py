"""What really happened, as the server saw it: the judge of every client, ours included.

Rules:

1. A message is one push. Each time it is put on a connection is a delivery, with a message id of its own.
2. An acknowledgement counts if it came on the connection that delivered the id it names. Elsewhere it is a fault.
3. An event is settled by an acknowledgement that accepts it, a callback by any acknowledgement.
4. A reply belongs to the message whose session webhook it used; a reply by REST to the oldest message of its
   conversation that has no reply yet, else to the newest; a reply to nobody's message is unmatched.
5. Only what the server carried out is a reply. A call that was refused is not.
6. A card is one reply, from when it first rests. If it rests again with another text, that reply has the newer one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import attrs

from .frames import Ack, Letter, Place, Verdict

Via = Literal["webhook", "direct", "group", "card"]
FaultKind = Literal[
    "ack_on_wrong_connection",
    "ack_unknown",
    "ack_unreadable",
    "card_answer_unusable",
    "card_calls_overlap",
    "echo_differs",
    "protocol_broken",
    "two_connections",
]


@attrs.frozen
class Pushed:
    """A message that was handed to the server to be pushed."""

    number: int
    """Counted from 0, over all apps."""
    client_id: str
    at: float
    letter: Letter

    @property
    def key(self) -> str:
        """The msgId, eventId or outTrackId."""
        return self.letter.key


@attrs.frozen
class Delivery:
    """A message was put on a connection."""

    connection: str
    message_id: str
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
    data: str = attrs.field(repr=False)


@attrs.frozen
class Replied:
    """The client's answer to the person was carried out."""

    at: float
    via: Via
    text: str = attrs.field(repr=False)
    card: str = ""
    """The outTrackId, where it is a card."""


@attrs.frozen
class Fault:
    """A client broke a rule of the platform."""

    kind: FaultKind
    client_id: str
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

    @property
    def settled(self) -> bool:
        """Whether the server is content and sends it no more."""
        return any(_settles(self.pushed.letter, ack) for ack in self.acks)


@attrs.frozen(kw_only=True)
class Summary:
    """Counts of messages, unless the name says something else."""

    pushed: int = 0
    undelivered: int = 0
    """Never put on any connection: nobody was there, or nobody had subscribed."""
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
    later: int = 0
    """Acknowledgements, on the right connection, that ask for the event again."""
    refused: int = 0
    """Acknowledgements, on the right connection, with a code other than 200."""
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
    """Delivered robot messages without a reply."""
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

    def home_of(self, message_id: str) -> str:
        """The connection of the newest delivery with this id: a frame written by hand may go out twice."""
        return next(each.connection for each in reversed(self.deliveries) if each.message_id == message_id)

    def freeze(self) -> MessageRecord:
        return MessageRecord(self.pushed, self.deliveries, self.acks, self.replies)


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
    later: int = 0
    refused: int = 0
    acked_on_wrong_connection: int = 0
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
        self.direct_conversations: set[str] = set()
        """Conversation ids that are no groups, though they look the same."""
        self.watch: Watch = _unwatched
        self._entries: list[Entry] = []
        self._tallies: dict[str, _Tally] = {}
        self._by_session: dict[str, Entry] = {}
        self._unanswered: dict[tuple[str, Place], deque[Entry]] = {}
        self._newest: dict[tuple[str, Place], Entry] = {}

    # What the tests and the demo read.

    def record(self, pushed: Pushed) -> MessageRecord:
        """What is known of this message now."""
        return self.entry(pushed).freeze()

    def records(self, client_id: str | None = None) -> Iterator[MessageRecord]:
        """Every message in the order of the pushes, of one app or of all."""
        return (entry.freeze() for entry in self._entries if client_id in (None, entry.pushed.client_id))

    def summary(self, client_id: str | None = None) -> Summary:
        """The counts of one app, or of all together."""
        if client_id is not None:
            return self._tally(client_id).freeze()
        return sum((tally.freeze() for tally in self._tallies.values()), Summary())

    def replies_per_message(self, client_id: str | None = None) -> Mapping[int, int]:
        """How many delivered robot messages have no reply, one reply, two…"""
        counts: dict[int, int] = {}
        for entry in self._entries:
            if client_id in (None, entry.pushed.client_id) and entry.deliveries and entry.pushed.letter.wants_answer:
                counts[len(entry.replies)] = counts.get(len(entry.replies), 0) + 1
        return dict(sorted(counts.items()))

    # What the gateways write.

    def entry(self, pushed: Pushed) -> Entry:
        return self._entries[pushed.number]

    def pushed(self, client_id: str, letter: Letter, now: float) -> Entry:
        entry = Entry(Pushed(len(self._entries), client_id, now, letter))
        self._entries.append(entry)
        self._tally(client_id).pushed += 1
        if letter.session:
            self._by_session[letter.session] = entry
        if letter.place and letter.place[0] == "user":
            self.direct_conversations.add(letter.conversation)
        self.watch(entry.pushed, None)
        return entry

    def delivered(self, entry: Entry, connection: str, message_id: str, now: float) -> None:
        entry.deliveries += (Delivery(connection, message_id, now),)
        tally = self._tally(entry.pushed.client_id)
        tally.deliveries += 1
        if len(entry.deliveries) == 2:
            tally.redelivered += 1
        elif len(entry.deliveries) == 1:
            tally.delivered += 1
            if entry.pushed.letter.wants_answer:
                tally.unanswered += not entry.replies
                self._expect_reply(entry)
        self.watch(entry.pushed, entry.deliveries[-1])

    def acked(self, entry: Entry, connection: str, ack: Ack, now: float, *, rightly: bool) -> None:
        letter = entry.pushed.letter
        acked = Acked(connection, ack.message_id or "", now, ack.code, ack.verdict(letter.kind), rightly, ack.data)
        entry.acks += (acked,)
        self.watch(entry.pushed, acked)
        tally = self._tally(entry.pushed.client_id)
        if not rightly:
            tally.acked_on_wrong_connection += 1
            return
        tally.later += acked.verdict == "later"
        tally.refused += acked.verdict == "refused"
        if not entry.settled and _settles(letter, acked):
            entry.settled = True
            tally.acked += 1

    def of_session(self, session: str) -> Pushed | None:
        """The message that came with this session webhook."""
        entry = self._by_session.get(session)
        return entry.pushed if entry else None

    def find(self, client_id: str, key: str) -> Entry | None:
        """The newest message of the app with this key. Slow: for frames that were written by hand."""
        same = (
            entry
            for entry in reversed(self._entries)
            if entry.pushed.key == key and entry.pushed.client_id == client_id
        )
        return next(same, None)

    def replied_to(self, pushed: Pushed, text: str, now: float) -> None:
        """Note a reply through the session webhook of this message."""
        self._replied(self.entry(pushed), Replied(now, "webhook", text))

    def replied_to_place(self, client_id: str, place: Place, text: str, now: float, *, card: str = "") -> Pushed | None:
        """Note a reply by REST; ``None`` if nobody in that conversation had said anything."""
        entry = self._oldest_unanswered(client_id, place) or self._newest.get((client_id, place))
        if entry is None:
            self._tally(client_id).unmatched_replies += 1
            return None
        via: Via = "card" if card else "direct" if place[0] == "user" else "group"
        self._replied(entry, Replied(now, via, text, card))
        return entry.pushed

    def reworded(self, pushed: Pushed, card: str, text: str) -> None:
        """Note that a card which is a reply to this message has another text now."""
        entry = self.entry(pushed)
        entry.replies = tuple(attrs.evolve(each, text=text) if each.card == card else each for each in entry.replies)

    def fault(self, kind: FaultKind, client_id: str, connection: str, now: float, detail: str = "") -> None:
        self.faults.append(Fault(kind, client_id, connection, now, detail))
        self._tally(client_id).faults += 1

    def _replied(self, entry: Entry, reply: Replied) -> None:
        entry.replies += (reply,)
        tally = self._tally(entry.pushed.client_id)
        tally.replies += 1
        if len(entry.replies) == 2:
            tally.answered_twice += 1
        elif len(entry.replies) == 1:
            tally.answered += 1
            tally.unanswered -= bool(entry.deliveries) and entry.pushed.letter.wants_answer

    def _expect_reply(self, entry: Entry) -> None:
        if entry.pushed.letter.place is None:
            return
        where = (entry.pushed.client_id, entry.pushed.letter.place)
        self._oldest_unanswered(*where)  # takes off what was answered: the queue holds no more than waits
        self._unanswered.setdefault(where, deque()).append(entry)
        self._newest[where] = entry

    def _oldest_unanswered(self, client_id: str, place: Place) -> Entry | None:
        waiting = self._unanswered.get((client_id, place))
        while waiting:
            if not waiting[0].replies:
                return waiting[0]
            waiting.popleft()
        return None

    def _tally(self, client_id: str) -> _Tally:
        tally = self._tallies.get(client_id)
        if tally is None:
            tally = self._tallies[client_id] = _Tally()
        return tally


def _settles(letter: Letter, ack: Acked) -> bool:
    return ack.rightly and (letter.kind == "CALLBACK" or ack.verdict == "accepted")

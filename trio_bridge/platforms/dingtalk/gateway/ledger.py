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

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import attrs

from ....gateways import book
from ....gateways.book import Delivery as Delivery
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
    settled: bool = False
    """Whether the server is content and sends it no more."""


@attrs.frozen(kw_only=True)
class Summary(book.Summary):
    """Counts of messages, unless the name says something else."""

    later: int = 0
    """Acknowledgements, on the right connection, that ask for the event again."""


@attrs.define(eq=False)
class Entry(book.Entry[Pushed, Acked, Replied]):
    """A message while it is written about."""

    def home_of(self, message_id: str) -> str:
        """The connection of the newest delivery with this id: a frame written by hand may go out twice."""
        return next(each.connection for each in reversed(self.deliveries) if each.message_id == message_id)

    def freeze(self) -> MessageRecord:
        return MessageRecord(self.pushed, self.deliveries, self.acks, self.replies, self.settled)


class Ledger(book.Book[Entry, Summary]):
    """The book of one server: every message, delivery, acknowledgement, reply and fault."""

    watch: Callable[[Pushed, Delivery | Acked | None], None]

    def __init__(self) -> None:
        super().__init__(Summary)
        self.faults: list[Fault] = []
        """What clients did wrong, in order."""
        self.direct_conversations: set[str] = set()
        """Conversation ids that are no groups, though they look the same."""
        self._by_session: dict[str, Entry] = {}

    # What the tests and the demo read.

    def record(self, pushed: Pushed) -> MessageRecord:
        """What is known of this message now."""
        return self.entry(pushed).freeze()

    def records(self, client_id: str | None = None) -> Iterator[MessageRecord]:
        """Every message in the order of the pushes, of one app or of all."""
        return (entry.freeze() for entry in self._of(client_id))

    def summary(self, client_id: str | None = None) -> Summary:
        """The counts of one app, or of all together."""
        return self._summary(client_id)

    def replies_per_message(self, client_id: str | None = None) -> Mapping[int, int]:
        """How many delivered robot messages have no reply, one reply, two…"""
        return self._replies_per_message(client_id)

    # What the gateways write.

    def pushed(self, client_id: str, letter: Letter, now: float) -> Entry:
        entry = Entry(client_id, letter.place, Pushed(len(self._entries), client_id, now, letter))
        if letter.session:
            self._by_session[letter.session] = entry
        if letter.place and letter.place[0] == "user":
            self.direct_conversations.add(letter.conversation)
        self._enter(entry)
        return entry

    def acked(self, entry: Entry, connection: str, ack: Ack, now: float, *, rightly: bool) -> None:
        kind = entry.pushed.letter.kind
        acked = Acked(connection, ack.message_id or "", now, ack.code, ack.verdict(kind), rightly, ack.data)
        self._acked(entry, acked, settles=kind == "CALLBACK" or acked.verdict == "accepted")

    def of_session(self, session: str) -> Pushed | None:
        """The message that came with this session webhook."""
        entry = self._by_session.get(session)
        return entry.pushed if entry else None

    def find(self, client_id: str, key: str) -> Entry | None:
        """The newest message of the app with this key. Slow: for frames that were written by hand."""
        same = (entry for entry in reversed(self._entries) if entry.pushed.key == key and entry.app == client_id)
        return next(same, None)

    def replied_to(self, pushed: Pushed, text: str, now: float) -> None:
        """Note a reply through the session webhook of this message."""
        self._replied(pushed.client_id, self.entry(pushed), Replied(now, "webhook", text))

    def replied_to_place(self, client_id: str, place: Place, text: str, now: float, *, card: str = "") -> Pushed | None:
        """Note a reply by REST; ``None`` if nobody in that conversation had said anything."""
        entry = self._meant_in(client_id, place)
        via: Via = "card" if card else "direct" if place[0] == "user" else "group"
        self._replied(client_id, entry, Replied(now, via, text, card))
        return entry.pushed if entry else None

    def reworded(self, pushed: Pushed, card: str, text: str) -> None:
        """Note that a card which is a reply to this message has another text now."""
        entry = self.entry(pushed)
        entry.replies = tuple(attrs.evolve(each, text=text) if each.card == card else each for each in entry.replies)

    def fault(self, kind: FaultKind, client_id: str, connection: str, now: float, detail: str = "") -> None:
        self.faults.append(Fault(kind, client_id, connection, now, detail))
        self._counts[client_id]["faults"] += 1

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

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import attrs

from ....gateways import book
from ....gateways.book import Delivery as Delivery
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
class Summary(book.Summary):
    """Counts of messages, unless the name says something else."""

    late: int = 0
    """Acknowledgements that came too late."""
    given_up: int = 0
    """Never settled, however often they were sent."""


@attrs.define(eq=False)
class Entry(book.Entry[Pushed, Acked, Replied]):
    """A message while it is written about."""

    given_up: bool = False
    missed: int = 0
    """Deliveries that were not acknowledged as they should be: how far up the ladder it is."""

    def freeze(self) -> MessageRecord:
        return MessageRecord(self.pushed, self.deliveries, self.acks, self.replies, self.settled, self.given_up)


class Ledger(book.Book[Entry, Summary]):
    """The book of one server: every message, delivery, acknowledgement, reply and fault."""

    watch: Callable[[Pushed, Delivery | Acked | None], None]

    def __init__(self) -> None:
        super().__init__(Summary)
        self.faults: list[Fault] = []
        """What clients did wrong, in order."""
        self._by_message: dict[tuple[str, str], Entry] = {}

    # What the tests and the demo read.

    def record(self, pushed: Pushed) -> MessageRecord:
        """What is known of this message now."""
        return self.entry(pushed).freeze()

    def records(self, app_id: str | None = None) -> Iterator[MessageRecord]:
        """Every message in the order of the pushes, of one app or of all."""
        return (entry.freeze() for entry in self._of(app_id))

    def summary(self, app_id: str | None = None) -> Summary:
        """The counts of one app, or of all together."""
        return self._summary(app_id)

    def replies_per_message(self, app_id: str | None = None) -> Mapping[int, int]:
        """How many delivered messages of people have no reply, one reply, two…"""
        return self._replies_per_message(app_id)

    # What the gateways write.

    def find(self, app_id: str, message_id: str) -> Pushed | None:
        """The message of a person that has this ``om_…``."""
        entry = self._by_message.get((app_id, message_id))
        return entry.pushed if entry else None

    def pushed(self, app_id: str, letter: Letter, now: float) -> Entry:
        entry = Entry(app_id, letter.chat_id or None, Pushed(len(self._entries), app_id, now, letter))
        if letter.wants_answer and letter.message_id:
            self._by_message[app_id, letter.message_id] = entry
        self._enter(entry)
        return entry

    def acked(self, entry: Entry, acked: Acked) -> None:
        self._acked(entry, acked, settles=acked.verdict == "accepted")

    def gave_up(self, entry: Entry) -> None:
        entry.given_up = True
        self._counts[entry.app]["given_up"] += 1

    def replied_to(self, app_id: str, message_id: str, reply: Replied) -> Pushed | None:
        """Note a reply that names its message; ``None`` if that is nobody's."""
        return self._note_reply(app_id, self._by_message.get((app_id, message_id)), reply)

    def replied_in(self, app_id: str, chat_id: str, reply: Replied) -> Pushed | None:
        """Note what was said into a chat; ``None`` if nobody had said anything there."""
        return self._note_reply(app_id, self._meant_in(app_id, chat_id), reply)

    def reworded(self, pushed: Pushed, message_id: str, text: str) -> None:
        """Note that an answer has another text now."""
        entry = self.entry(pushed)
        entry.replies = tuple(
            attrs.evolve(each, text=text) if each.message_id == message_id else each for each in entry.replies
        )

    def fault(self, kind: FaultKind, app_id: str, connection: str, now: float, detail: str = "") -> None:
        self.faults.append(Fault(kind, app_id, connection, now, detail))
        self._counts[app_id]["faults"] += 1

    def _note_reply(self, app_id: str, entry: Entry | None, reply: Replied) -> Pushed | None:
        self._replied(app_id, entry, reply)
        return entry.pushed if entry else None

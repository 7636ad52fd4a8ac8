"""The store seam: what must survive. One store per process, one :class:`AccountStore` per account.

Rules that every store keeps, checked by :func:`trio_bridge.testing.store.check_store`:

1. A call that returns is durable, as far as the store is. A call that raises StoreUnavailable changed nothing.
2. A call whose caller is cancelled while it waits may still be carried out, and then wholly.
3. Each call is one transaction; only trim and forget_account may take several, so that nobody waits for them.
   Calls of all accounts that wait at the same time share a commit.
4. Inbox keys and aliases are unique within an account for as long as their rows exist; the same for outbox keys.
5. ``seq`` grows with every accepted delivery of an account: it is the order of arrival.
6. Times are wall seconds since the epoch, given by the caller. A store has no clock.
"""

from __future__ import annotations

import abc
import enum
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import attrs

from ..wire.protocol import Delivery

NOTHING: Mapping[Any, Any] = MappingProxyType({})
"""For whoever has nothing to say in a mapping: shared, because a message has many of those."""


class Verdict(enum.Enum):
    """What became of a delivery that was handed to the store."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    FULL = "full"
    DROPPED = "dropped"
    """Its lane had no room: of it only the key is remembered."""


@attrs.frozen
class Accepted:
    """The store's answer for one delivery. ``seq`` is 0 unless it was stored."""

    verdict: Verdict
    seq: int = 0


@attrs.frozen
class Waiting:
    """A stored delivery that waits to be handled: what the inbox keeps in memory of it."""

    seq: int
    lane: str
    size: int
    """The length of its data."""
    not_before: float = 0.0
    suspect: bool = False
    """It was in hand when a process died, and one more death would bury it."""


@attrs.frozen
class Claim:
    """A delivery in hand: nobody else has it. Only the newest ``fence`` of a row may finish it."""

    seq: int
    fence: int
    delivery: Delivery
    attempts: int
    """Including this one."""
    deaths: int
    interrupted: int


@attrs.frozen
class NewOutgoing:
    """A reply to keep. ``state`` is ``open`` for a stream that has begun and not ended, else ``pending``."""

    key: str
    lane: str
    target: str = attrs.field(repr=False)
    text: str = attrs.field(repr=False)
    title: str = ""
    state: Literal["open", "pending"] = "pending"
    attachments: str = "[]"
    """JSON."""


OutgoingState = Literal["open", "pending", "sending", "sent", "unknown", "dead"]


@attrs.frozen
class OutgoingRow:
    """A reply as the store has it. ``seq`` is the order of sending within its lane."""

    seq: int
    key: str
    lane: str
    target: str = attrs.field(repr=False)
    text: str = attrs.field(repr=False)
    title: str
    attachments: str
    state: OutgoingState
    created_at: float
    attempts: int = 0
    parts_sent: int = 0
    not_before: float = 0.0
    error: str = ""
    sent_id: str = ""


@attrs.frozen
class OutgoingChange:
    """A change of one reply; ``None`` leaves a column as it is."""

    key: str
    state: OutgoingState | None = None
    text: str | None = None
    attempts: int | None = None
    parts_sent: int | None = None
    not_before: float | None = None
    error: str | None = None
    sent_id: str | None = None


Result = Literal["done", "retry", "release", "dead"]


@attrs.frozen
class Completion:
    """How a claim ended, with everything that must be committed in the same moment.

    ``done``: never again. ``retry``: failed, again at ``not_before``. ``release``: interrupted, the attempt is given
    back and ``interrupted`` grows by one; with ``unstarted`` the handler never ran and nothing is counted. ``dead``: a
    dead letter.
    """

    seq: int
    fence: int
    result: Result
    not_before: float = 0.0
    error: str = ""
    unstarted: bool = False
    outgoing: tuple[NewOutgoing, ...] = ()
    """New replies. A key that exists keeps its first text."""
    changes: tuple[OutgoingChange, ...] = ()
    """Streams that end now."""
    state: Mapping[str, Mapping[str, Any]] = attrs.field(default=NOTHING, repr=False)
    """Small state to save: scope → key → JSON value; ``None`` deletes the key."""


@attrs.frozen
class Work:
    """One round of an inbox: everything that has gathered, for one commit."""

    now: float
    accept: Sequence[Delivery] = ()
    room: int = 0
    """How many new deliveries may be stored; a duplicate is recognised even when there is no room."""
    room_bytes: int = 0
    """The same, by the length of their data."""
    lane_room: Mapping[str, int] = NOTHING
    """How many of them for a lane, where that is bounded. Further ones need no room: they are remembered as handled."""
    finish: Sequence[Completion] = ()
    claim: Sequence[int] = ()
    """Seqs to claim. Carried out after ``finish`` and ``accept``."""
    kept: Mapping[int, Delivery] = attrs.field(default=NOTHING, repr=False)
    """Of those to claim, the ones that the caller has kept since they were accepted, and that were never claimed: there
    is no need to read them again."""


@attrs.frozen
class Done:
    """What came of a round, in the order of its parts.

    ``finished[i]`` is false where the fence was old: nothing of that completion was carried out. ``claimed[i]`` is
    ``None`` where the row is not waiting.
    """

    accepted: Sequence[Accepted] = ()
    finished: Sequence[bool] = ()
    claimed: Sequence[Claim | None] = ()


@attrs.frozen
class Recovered:
    """What was found at the start of an account. ``waiting`` in order of arrival, ``died`` rows that were in hand."""

    waiting: Sequence[Waiting]
    died: int = 0
    buried: int = 0
    """Rows that became dead letters because the process died too often with them in hand."""


@attrs.frozen
class DeadLetter:
    """A delivery or a reply that was given up. ``box`` says which; ``key`` names it within the account."""

    account: str
    box: Literal["inbox", "outbox"]
    key: str
    lane: str
    error: str
    attempts: int
    at: float


class AccountStore(abc.ABC):
    """What one account keeps."""

    @abc.abstractmethod
    async def recover(self, *, now: float, max_deaths: int, max_attempts: int) -> Recovered:
        """Give back what a dead process had in hand: one attempt and one death each, or dead letters at the limits.

        Replies in state ``sending`` become ``unknown`` (the outbox decides what to do with them)."""

    @abc.abstractmethod
    async def work(self, work: Work) -> Done:
        """Carry out one round of the inbox in one transaction.

        ``done`` keeps key, alias and time of a row and forgets its payload."""

    @abc.abstractmethod
    async def trim(self, *, before: float) -> int:
        """Forget handled deliveries and sent replies first seen before ``before``. Returns how many."""

    @abc.abstractmethod
    async def enqueue(self, rows: Sequence[NewOutgoing], *, now: float) -> list[OutgoingRow]:
        """Keep replies; a key that exists keeps its first text. Returns the rows as they are in the store now.

        An ``open`` row that is enqueued as ``pending`` takes the new text and becomes ``pending``."""

    @abc.abstractmethod
    async def change(self, changes: Sequence[OutgoingChange]) -> None:
        """Change replies. Keys that don't exist are ignored."""

    @abc.abstractmethod
    async def outgoing(self, states: Sequence[OutgoingState]) -> list[OutgoingRow]:
        """Replies in these states, in order of ``seq``."""

    @abc.abstractmethod
    async def outgoing_row(self, key: str) -> OutgoingRow | None:
        """One reply."""

    @abc.abstractmethod
    async def load(self, scope: str) -> dict[str, Any]:
        """The small state of a scope."""

    @abc.abstractmethod
    async def save(self, scope: str, changes: Mapping[str, Any]) -> None:
        """Change the small state of a scope; ``None`` deletes a key."""

    @abc.abstractmethod
    async def dead_letters(self) -> list[DeadLetter]:
        """Everything that was given up and not purged, oldest first."""

    @abc.abstractmethod
    async def replay(self, box: Literal["inbox", "outbox"], key: str, *, now: float | None = None) -> bool:
        """Let a dead letter wait again with fresh counters, under its old key. False if there is none of that key.

        A replayed reply becomes ``pending``; so does one in state ``unknown``. Its age counts from ``now`` if that is
        given: else it may be too old to be sent."""

    @abc.abstractmethod
    async def purge(self, box: Literal["inbox", "outbox"], key: str) -> bool:
        """Forget a dead letter for good. Its key stays known for dedupe."""


@attrs.frozen
class AccountRecord:
    """What the store knows of an account as a whole. ``wanted`` is ``None`` until somebody said start or stop."""

    name: str
    platform: str
    owner: str
    enabled: bool
    wanted: Literal["running", "stopped"] | None = None


class Store(abc.ABC):
    """Where all accounts of a process keep what must survive. ``open_store`` opens one."""

    durable: bool
    """Whether it survives the process."""
    path: Path | None = None
    """The file that it is in, if it is in one."""

    @abc.abstractmethod
    async def open_account(self, name: str, *, platform: str, owner: str = "", enabled: bool = True) -> AccountStore:
        """The part of one account, made if it is new. ``owner`` and ``enabled`` are kept as given now."""

    @abc.abstractmethod
    async def accounts(self) -> list[AccountRecord]:
        """All accounts that were ever opened and not forgotten."""

    @abc.abstractmethod
    async def want(self, name: str, wanted: Literal["running", "stopped"]) -> None:
        """Remember whether an account is to run: it holds after a restart of the process."""

    @abc.abstractmethod
    async def forget_account(self, name: str) -> None:
        """Remove an account and everything it kept."""

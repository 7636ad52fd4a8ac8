"""Deliveries on their way into the store: what has arrived, what there is room for, and what became of each."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence

import attrs
import trio

from ..config import AccountConfig
from ..wire.protocol import Delivery
from .statistics import Counters
from .store import NOTHING, Accepted, Verdict

TOTAL_ROWS = 1_000_000
TOTAL_BYTES = 2 * 2**30
"""What an account may keep on disk before it sheds."""
ROUND = 512
"""Deliveries stored in one transaction at the most: a commit stays short."""


@attrs.define(eq=False)
class Arrival:
    """Deliveries that arrived together. ``accepted`` stays ``None`` where the store could not be asked."""

    deliveries: Sequence[Delivery]
    settled: trio.Event = attrs.field(factory=trio.Event)
    accepted: Sequence[Accepted] | None = None


class Intake:
    """Queues arrivals for the keeper, and holds the overflow policy: it is applied before anything is acknowledged."""

    def __init__(self, config: AccountConfig, counters: Counters, ring: Callable[[], None], *, durable: bool) -> None:
        self._queue_size = config.queue_size
        self._lane_bound = config.session_queue_max
        self._counters = counters
        self._ring = ring
        self._policy = config.overflow or ("spill" if durable else "shed")
        spill = self._policy == "spill"
        self.bound = TOTAL_ROWS if spill else config.queue_size
        self.bound_bytes = TOTAL_BYTES if spill else config.queue_bytes
        self._arrivals: deque[Arrival] = deque()

    def __bool__(self) -> bool:
        """Whether anything waits to be stored."""
        return bool(self._arrivals)

    async def accept(self, deliveries: Sequence[Delivery]) -> tuple[list[Delivery], list[Delivery]]:
        """Have deliveries stored. Returns what to acknowledge, and what could not be stored and is to be refused."""
        arrival = self._submit(deliveries)
        await arrival.settled.wait()
        if arrival.accepted is None:
            return [], list(deliveries)
        acked, refused = [], []
        for delivery, accepted in zip(deliveries, arrival.accepted, strict=True):
            if accepted.verdict is Verdict.FULL and self._policy != "drop":
                refused.append(delivery)
            else:
                acked.append(delivery)
        return acked, refused

    def rescue(self, deliveries: Sequence[Delivery]) -> None:
        """Have deliveries of a lost connection stored, without waiting and without an acknowledgement.

        Where the store has not kept up with earlier ones they are left to the platform, which sends them again."""
        if sum(len(arrival.deliveries) for arrival in self._arrivals) < self._queue_size:
            self._submit(deliveries)
        else:
            self._counters.shed += len(deliveries)

    def _submit(self, deliveries: Sequence[Delivery]) -> Arrival:
        arrival = Arrival(deliveries)
        self._arrivals.append(arrival)
        self._ring()
        return arrival

    # The keeper's side

    def gather(self) -> list[Arrival]:
        """Take what is to be stored in the next round."""
        arrivals: list[Arrival] = []
        size = 0
        while self._arrivals and size < ROUND:
            arrival = self._arrivals.popleft()
            arrivals.append(arrival)
            size += len(arrival.deliveries)
        return arrivals

    def lane_room(self, deliveries: Sequence[Delivery], waiting: Callable[[str], int]) -> Mapping[str, int]:
        """How many more may wait in the lanes of these, of which so many are ``waiting``."""
        if (bound := self._lane_bound) is None:
            return NOTHING
        return {lane: max(0, bound - waiting(lane)) for lane in {delivery.lane for delivery in deliveries}}

    def settle(self, arrivals: Sequence[Arrival], accepted: Sequence[Accepted]) -> None:
        """Tell who waits what became of each delivery."""
        start = 0
        for arrival in arrivals:
            arrival.accepted = accepted[start : start + len(arrival.deliveries)]
            start += len(arrival.deliveries)
            arrival.settled.set()
        for one in accepted:
            self._count(one.verdict)

    def fail(self, arrivals: Sequence[Arrival]) -> None:
        """Tell who waits that nothing of it could be stored."""
        for arrival in arrivals:
            self._counters.refused += len(arrival.deliveries)
            arrival.settled.set()

    def _count(self, verdict: Verdict) -> None:
        match verdict:
            case Verdict.STORED:
                self._counters.stored += 1
            case Verdict.DUPLICATE:
                self._counters.duplicates += 1
            case Verdict.DROPPED:
                self._counters.dropped += 1
            case Verdict.FULL if self._policy == "drop":
                self._counters.dropped += 1
            case Verdict.FULL:
                self._counters.shed += 1

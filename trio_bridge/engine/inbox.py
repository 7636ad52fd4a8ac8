"""The account's durable queue of deliveries. It lives above generations.

One task, the keeper, talks to the store. Whatever has gathered since its last round (deliveries to store, handled ones
to mark, heads of lanes to claim) goes into one transaction: the busier an account, the fewer commits a message costs.

1. Nothing is acknowledged that is not stored, or known to be stored already.
2. A delivery is claimed, durably, before its handler sees it: for a worker that waits, or for one that soon will. The
   latter happens to a delivery at most once: if the process dies then, it is never again claimed ahead.
3. A lane is free again when its delivery is marked *and* its worker has let go of it. The mark and the next claim of
   the lane may be one transaction.
4. A delivery that could not be marked stays in hand until it can: what was handled is not handled again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

import trio

from ..config import AccountConfig
from ..errors import StoreUnavailable
from ..wire.protocol import Delivery
from .bell import Bell
from .environment import Environment
from .handout import Handout
from .held import Held
from .intake import Arrival, Intake
from .lanes import Lanes
from .markings import Marking, Markings, Then
from .shelf import Shelf
from .statistics import Counters
from .store import AccountStore, Claim, Completion, Done, Verdict, Work
from .suspects import Suspects

LONGEST_DELAY = 60.0
"""No failed delivery waits longer than that for its next attempt."""
MAX_DEATHS = 3
"""A delivery that was in hand at three deaths of the process is taken for their cause."""
RETRY_STORE = 1.0
FINAL_ROUND = 5.0

logger = logging.getLogger(__name__)


def _ignore(*_: object) -> None:
    """Nobody wants to know."""


class Inbox:
    """Stores what arrives, hands it out lane by lane, and remembers what was handled."""

    def __init__(
        self,
        config: AccountConfig,
        store: AccountStore,
        environment: Environment,
        counters: Counters,
        *,
        durable: bool,
        on_queued: Callable[[Delivery, int], None] = _ignore,
        on_dropped: Callable[[Delivery], None] = _ignore,
    ) -> None:
        self._config = config
        self._on_queued = on_queued
        self._on_dropped = on_dropped
        self._store = store
        self._wall = environment.wall
        self._bell = Bell()
        self._intake = Intake(config, counters, self._bell.ring, durable=durable)
        self._bytes = 0
        self._lanes: Lanes[int] = Lanes()
        self._markings = Markings(self._bell.ring, config.labels)
        self._held: set[Held] = set()
        """What is claimed: until it is marked, and its worker has let go of it."""
        self._hands = Handout(config.workers)
        self._shelf = Shelf(config.queue_size, config.queue_bytes)
        self.suspects = Suspects(self._let_in)
        """What may be the death of the process."""
        self._round: Work | None = None
        """What the store is carrying out now."""
        self._serving = trio.CancelScope(shield=True)
        self._closed = False
        self._idle = trio.Event()
        self._handing_out = True
        self.storage_error: StoreUnavailable | None = None
        """Why the last round failed, if it did."""
        self.last_arrival_at: float | None = None
        self.buried = 0
        """Dead letters that were found at the start."""

    async def open(self) -> None:
        """Take up what an earlier life of the account left: called once, before :meth:`run`."""
        now = self._wall()
        found = await self._store.recover(now=now, max_deaths=MAX_DEATHS, max_attempts=self._config.max_attempts)
        if found.died or found.buried:
            fields = {**self._config.labels, "in_hand": found.died, "given_up": found.buried}
            logger.warning("the process had died with messages in hand: they are handled again", extra=fields)
        offset = trio.current_time() - now
        self._shelf.open(row.seq for row in found.waiting)
        for row in found.waiting:
            self._lanes.add(row.lane, row.seq)
            self._bytes += row.size
            if row.not_before > now:
                # Clamped: the wall clock may have been wrong when this was written, or be wrong now.
                self._lanes.hold_back(row.lane, min(row.not_before, now + LONGEST_DELAY) + offset)
        letters = [letter for letter in await self._store.dead_letters() if letter.box == "inbox"]
        self.buried = len(letters)
        halted = {letter.lane for letter in letters} if self._config.on_poison == "halt" else set()
        for lane in halted:
            self._lanes.hold_back(lane, float("inf"))
        for row in found.waiting:
            if row.suspect and row.lane not in halted:
                self._lanes.hold_back(row.lane, float("inf"))
                self.suspects.add(row.seq, row.lane)

    def _let_in(self, lane: str) -> None:
        self._lanes.hold_back(lane, trio.current_time())
        self._bell.ring()

    # What the rest of the account sees

    @property
    def depth(self) -> int:
        """Deliveries that are stored and not handled."""
        claiming = 0 if self._round is None else len(self._round.claim)
        return len(self._lanes) + claiming + len(self._held)

    @property
    def busy(self) -> int:
        """Workers with a delivery in hand."""
        return self._hands.busy

    async def accept(self, deliveries: Sequence[Delivery]) -> tuple[list[Delivery], list[Delivery]]:
        """Store what is new. Returns what to acknowledge, and what could not be stored and is to be refused.

        A caller that is cancelled loses nothing: the keeper carries on.
        """
        self.last_arrival_at = self._wall()
        return await self._intake.accept(deliveries)

    def rescue(self, deliveries: Sequence[Delivery]) -> None:
        """Have deliveries of a lost connection stored, without waiting and without an acknowledgement."""
        self.last_arrival_at = self._wall()
        self._intake.rescue(deliveries)

    async def next(self, taker: object) -> Held | None:
        """Wait for a delivery and hold it; ``None`` when the taker was dismissed."""
        if self._lanes.lanes_ready:
            self._bell.ring()
        try:
            return await self._hands.next(taker)
        except trio.Cancelled:
            self._bell.ring()  # Somebody else is to have what it was to get.
            raise

    @property
    def anything_at_hand(self) -> bool:
        """Whether a worker would get a delivery without having to wait for it."""
        return self._hands.anything_ahead

    def dismiss(self, taker: object) -> None:
        """Send the waiting workers of ``taker`` home. What is being claimed for them is left to others."""
        self._hands.dismiss(taker)

    def stop_handing_out(self) -> None:
        """Claim nothing any more: the account drains."""
        self._handing_out = False
        self._recall()

    def mark_nowait(self, held: Held, completion: Completion, then: Then | None = None) -> None:
        """Have a completion committed, then call ``then``. It is tried until the store takes it.

        A claim that was revoked commits nothing."""
        self._markings.submit_nowait(held, completion, then)

    async def mark(self, held: Held, completion: Completion, then: Then | None = None) -> None:
        """The same, returning when it is durable.

        Raises:
          NotSent: the delivery had been taken away from this worker; nothing of the completion was carried out.
        """
        await self._markings.submit(held, completion, then)

    def let_go(self, held: Held) -> None:
        """The worker is through with this delivery: it may take another."""
        self._hands.let_go(held)
        self._through(held)

    def revoke(self, held: Held) -> None:
        """Take a delivery away from a worker that ignores its cancellation: its late commit will be refused.

        The worker's slot is lost until it returns."""
        self.mark_nowait(held, Completion(held.claim.seq, held.claim.fence, "release"))
        held.revoked = True
        self._hands.lose(held)
        self._through(held)

    @property
    def lost_workers(self) -> int:
        """Workers that ignore their cancellation."""
        return self._hands.lost

    async def wait_idle(self) -> None:
        """Return when no worker holds a delivery and everything submitted is in the store."""
        while self._round or self._held or self._intake or self._markings:
            self._idle = trio.Event()
            await self._idle.wait()

    # The keeper

    async def run(self) -> None:
        """Serve rounds until :meth:`close`, then store what is left."""
        # Cancelling the account cuts no round short: nobody would know what of it was carried out. And workers that are
        # cancelled in that moment give their deliveries back: close() is called after the last, and sets a bound.
        with self._serving:
            while not self._closed:
                await self._bell.wait_until(min(self._lanes.next_return(), self._hands.overdue_at))
                await self._rounds()

    def close(self) -> None:
        """Nothing will be submitted any more: end soon."""
        self._handing_out = False
        self._closed = True
        self._serving.deadline = trio.current_time() + FINAL_ROUND
        self._bell.ring()

    async def _rounds(self) -> None:
        while True:
            self._lanes.advance(trio.current_time())
            if not self._handing_out or self._hands.overdue_at <= trio.current_time():
                self._recall()
            arrivals = self._intake.gather()
            markings = self._markings.gather()
            self._free_lanes(markings)
            taken = self._take_heads()
            if not (arrivals or markings or taken):
                if not self._held:
                    self._idle.set()
                return
            claim = [seq for _, seq in taken]
            accept = [delivery for arrival in arrivals for delivery in arrival.deliveries]
            work = self._round = Work(
                now=self._wall(),
                accept=accept,
                room=self._intake.bound - self.depth - len(taken),
                room_bytes=self._intake.bound_bytes - self._bytes,
                lane_room=self._intake.lane_room(accept, self._lanes.waiting),
                finish=[marking.completion for marking in markings],
                claim=claim,
                kept=self._shelf.take(claim),
            )
            try:
                done = await self._store.work(work)
            except StoreUnavailable as error:
                self._round = None
                self._round_failed(error, arrivals, markings, taken)
                if not self._intake:
                    await self._bell.wait_until(trio.current_time() + RETRY_STORE)
            else:
                self._round = self.storage_error = None
                self._integrate(done, work, arrivals, markings, taken)

    def _free_lanes(self, markings: Iterable[Marking]) -> None:
        """Let the next of a lane be claimed in the round that marks this: both are committed, or neither."""
        halting = self._config.on_poison == "halt"
        for marking in markings:
            held, result = marking.held, marking.completion.result
            if held.let_go and not held.lane_free and (result == "done" or (result == "dead" and not halting)):
                held.lane_free = True
                self._lanes.release(held.lane)

    def _recall(self) -> None:
        for held in self._hands.recall():
            self._give_back(held)

    def _give_back(self, held: Held) -> None:
        """What was claimed and nobody has begun returns to its lane, at no cost."""
        self.mark_nowait(held, Completion(held.claim.seq, held.claim.fence, "release", unstarted=True))
        self._through(held)

    def _take_heads(self) -> list[tuple[str, int]]:
        taken: list[tuple[str, int]] = []
        if self._handing_out:
            wanted = self._hands.wanted
            # A death costs an attempt, also what no handler has begun: where there is only one, that would bury it.
            ahead = self._hands.room_ahead if self._config.max_attempts > 1 else 0
            while len(taken) < wanted + ahead:
                head = self._lanes.take(None if len(taken) < wanted else self._shelf.is_fresh)
                if head is None:
                    break
                taken.append(head)
        return taken

    def _round_failed(
        self,
        error: StoreUnavailable,
        arrivals: list[Arrival],
        markings: Sequence[Marking],
        taken: list[tuple[str, int]],
    ) -> None:
        self.storage_error = error
        self._intake.fail(arrivals)
        self._markings.put_back(markings)
        for lane, seq in reversed(taken):
            self._put_back(lane, seq, trio.current_time() + RETRY_STORE)

    def _put_back(self, lane: str, seq: int, until: float | None) -> None:
        self._shelf.wear(seq)
        self._lanes.put_back(lane, seq, until=until)

    def _integrate(
        self,
        done: Done,
        work: Work,
        arrivals: list[Arrival],
        markings: Sequence[Marking],
        taken: list[tuple[str, int]],
    ) -> None:
        for marking, committed in zip(markings, done.finished, strict=True):
            self._marked(marking, committed)
        for delivery, accepted in zip(work.accept, done.accepted, strict=True):
            if accepted.verdict is Verdict.STORED:
                ahead = self._lanes.add(delivery.lane, accepted.seq)
                self._shelf.add(accepted.seq, delivery)
                self._bytes += len(delivery.data)
                if ahead:
                    self._on_queued(delivery, ahead)
            elif accepted.verdict is Verdict.DROPPED:
                self._on_dropped(delivery)
        self._intake.settle(arrivals, done.accepted)
        for (lane, seq), claim in zip(taken, done.claimed, strict=True):
            self._hand_out(lane, seq, claim)

    def _hand_out(self, lane: str, seq: int, claim: Claim | None) -> None:
        if claim is None:  # An operator purged it meanwhile.
            self.suspects.cleared(seq)
            self._lanes.release(lane)
            return
        held = Held(claim, lane, trio.current_time())
        self._held.add(held)
        if self._handing_out:
            self._hands.offer(held)
        else:
            self._give_back(held)

    def _marked(self, marking: Marking, committed: bool) -> None:
        held, completion = marking.held, marking.completion
        held.marked = True
        if not completion.unstarted:
            self.suspects.cleared(completion.seq)
        if not committed:
            held.revoked = True
            fields = {**self._config.labels, "key": held.claim.delivery.key}
            logger.warning("a late completion was refused", extra=fields)
        elif completion.result in ("retry", "release"):
            held.returns = True
            if completion.not_before:
                held.returns_at = trio.current_time() + max(0.0, completion.not_before - self._wall())
        else:
            self._bytes -= len(held.claim.delivery.data)
            if completion.result == "dead" and self._config.on_poison == "halt":
                self._lanes.hold_back(held.lane, float("inf"))
        if committed and marking.then is not None:
            marking.then(completion)
        if held.let_go:
            self._free(held)
        marking.carried_out = committed
        if marking.settled is not None:
            marking.settled.set()

    def _through(self, held: Held) -> None:
        held.let_go = True
        if held.marked:
            self._free(held)
        self._bell.ring()

    def _free(self, held: Held) -> None:
        if held not in self._held:
            return
        self._held.discard(held)
        if held.returns:
            self._put_back(held.lane, held.claim.seq, held.returns_at)
        elif not held.lane_free:
            self._lanes.release(held.lane)
        if not self._held:
            self._idle.set()

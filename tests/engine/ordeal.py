"""An inbox and its workers under whatever chance brings, and a witness who objects to what must not happen.

Lives of an account follow each other over one store: stopped in an orderly way, or dead without a word.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from random import Random
from typing import Any

import attrs
import trio

from tests.engine.conftest import virtual_environment
from tests.engine.fake import Fake, FakePlatform, FakeServer
from trio_bridge.engine.dispatch import STUCK_AFTER, Crew, Dispatcher
from trio_bridge.engine.inbox import MAX_DEATHS, Inbox
from trio_bridge.engine.outbox import Outbox
from trio_bridge.engine.statistics import Counters
from trio_bridge.engine.store import AccountStore, Done, Work
from trio_bridge.errors import StoreUnavailable
from trio_bridge.messages import Message
from trio_bridge.wire.protocol import Delivery

TIME_LIMIT = 3.0
QUICK = ("nothing", "yields", "brief")
SLOW = ("slow", "just in time", "too long", "fails", "swallows", "ignores", "objects", "commits")
DEEDS = {"arrive": 8, "lost": 2, "replaced": 2, "manners": 3, "store": 2, "stop": 1, "die": 1}
"""What happens, and how often."""
LONGEST_ROUND = 5.0
PEACE = 3600.0


@attrs.define
class Row:
    """What the witness knows of a delivery that was stored."""

    key: str
    lane: str
    attempts: int = 0
    deaths: int = 0
    interrupted: int = 0
    ahead: int = 0
    """How often it was claimed ahead of a worker."""
    claimed: bool = False
    begun: bool = False
    """A handler has it, under its newest claim."""
    over: bool = False


class Witness:
    """Sees every round of every life."""

    def __init__(self) -> None:
        self.rows: dict[int, Row] = {}
        self.seqs: dict[str, int] = {}
        self.lanes: dict[str, list[Row]] = defaultdict(list)
        self.runs: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        """How often each thing happened that is worth trying."""

    def stored(self, seq: int, delivery: Delivery) -> None:
        assert delivery.key not in self.seqs
        row = self.rows[seq] = Row(delivery.key, delivery.lane)
        self.seqs[row.key] = seq
        self.lanes[row.lane].append(row)

    def round(self, work: Work, done: Done, ahead: Sequence[int], max_attempts: int) -> None:
        """A round was carried out; ``ahead`` is what it claimed beyond what workers waited for."""
        for completion, committed in zip(work.finish, done.finished, strict=True):
            row = self.rows[completion.seq]
            if not committed:
                self.seen["refused"] += 1
                continue
            assert row.claimed
            row.claimed = False
            match completion.result:
                case "release" if completion.unstarted:
                    assert not row.begun, "a handler had it"
                    row.attempts -= 1
                case "release":
                    assert row.begun
                    row.attempts -= 1
                    row.interrupted += 1
                case "done" | "dead":
                    assert row.begun
                    row.over = True
            self.seen[f"{completion.result} {completion.unstarted}"] += 1
        for delivery, accepted in zip(work.accept, done.accepted, strict=True):
            if accepted.seq:
                self.stored(accepted.seq, delivery)
        for seq, claim in zip(work.claim, done.claimed, strict=True):
            row = self.rows[seq]
            assert claim is not None
            assert not row.claimed
            assert not row.over, "it was handled"
            row.claimed, row.begun = True, False
            row.attempts += 1
            row.ahead += seq in ahead
            assert row.ahead <= 1, "claimed ahead once at the most"
            assert (claim.attempts, claim.deaths, claim.interrupted) == (row.attempts, row.deaths, row.interrupted)
            assert claim.delivery.key == row.key
        assert not ahead or max_attempts > 1
        self.seen["ahead"] += len(ahead)

    def died(self, max_attempts: int) -> None:
        """Whatever was claimed is given back with a death more."""
        for row in self.rows.values():
            if row.claimed:
                row.claimed = False
                row.deaths += 1
                if row.deaths >= MAX_DEATHS or row.attempts >= max_attempts:
                    assert row.begun or row.ahead < row.attempts, "it was only ever claimed ahead"
                    row.over = True

    def begins(self, key: str) -> None:
        row = self.rows[self.seqs[key]]
        assert row.claimed
        assert not row.begun
        for other in self.lanes[row.lane]:
            if other is row:
                break
            assert other.over, "an earlier one of its lane waits"
        row.begun = True
        self.runs[key] += 1


class Tape:
    """What one life sees of the store: slow, failing, or nothing any more."""

    def __init__(self, kept: AccountStore, witness: Witness, chance: Random, max_attempts: int) -> None:
        self.kept = kept
        self.inbox: Inbox | None = None
        self.failing = False
        self.slow = False
        self.at_work = trio.Lock()
        """Held while a round is carried out, and for good by the death of the process."""
        self._witness = witness
        self._chance = chance
        self._max_attempts = max_attempts

    async def work(self, work: Work) -> Done:
        assert self.inbox is not None
        hands = self.inbox._hands
        ahead = work.claim[hands.wanted :]
        assert len(ahead) <= hands.room_ahead
        await self._pause()
        if self.failing:
            raise StoreUnavailable("disk full")
        async with self.at_work:
            with trio.CancelScope(shield=True):
                done = await self.kept.work(work)
            self._witness.round(work, done, ahead, self._max_attempts)
        await self._pause()
        return done

    async def _pause(self) -> None:
        await trio.sleep(self._chance.choice((0, 0.001, 0.2, 2.0)) if self.slow else 0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.kept, name)


class Life:
    """One life: an inbox, its keeper, and crews that come and go."""

    def __init__(self, tape: Tape, witness: Witness, chance: Random, workers: int, max_attempts: int) -> None:
        self.witness, self.tape, self.chance = witness, tape, chance
        self.config = Fake(
            server=FakeServer(),
            workers=workers,
            max_attempts=max_attempts,
            handler_timeout=TIME_LIMIT,
            queue_size=24,
            queue_bytes=chance.choice((60, 10_000)),
            overflow="spill",
        )
        environment, counters, platform = virtual_environment(), Counters(), FakePlatform(self.config, False)
        self.inbox = tape.inbox = Inbox(self.config, tape, environment, counters, durable=True)
        outbox = Outbox(self.config, tape, platform, environment, counters)
        self.dispatcher = Dispatcher(
            self.config, platform, self.handle, self.inbox, outbox, tape, environment, counters
        )
        self.manners: Sequence[str] = QUICK
        self.over = False
        """Nobody looks at it any more: it died, or its last handlers ignore that they were cancelled."""
        self.stopping_at = float("inf")
        self.running = 0
        self.crews: list[Crew] = []
        self.keeping = trio.CancelScope()
        self.working = trio.CancelScope()
        self.ended = trio.Event()
        self._begin_crew: trio.Nursery | None = None

    async def run(self, task_status: trio.TaskStatus[None]) -> None:
        await self.inbox.open()
        with self.keeping:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.inbox.run)
                nursery.start_soon(self.inbox.suspects.run)
                nursery.start_soon(self._keep_house)
                try:
                    with self.working:
                        async with trio.open_nursery() as self._begin_crew:
                            self._begin_crew.start_soon(trio.sleep_forever)
                            self.rotate(None)
                            task_status.started()
                finally:
                    self.inbox.close()
                    nursery.cancel_scope.cancel()
        self.ended.set()

    async def _keep_house(self) -> None:
        while True:
            await trio.sleep(1)
            self.dispatcher.revoke_stuck(trio.current_time())

    def rotate(self, grace: float | None) -> None:
        """The next generation: the last one is replaced, or its connection was lost."""
        for crew in self.crews:
            crew.dismiss() if grace is None else crew.drain(trio.current_time() + grace)
        crew = Crew(self.dispatcher)
        self.crews.append(crew)
        assert self._begin_crew is not None
        for _ in range(self.config.workers):
            self._begin_crew.start_soon(self._work, crew)

    async def _work(self, crew: Crew) -> None:
        await crew.work()
        assert crew._dismissed

    async def stop(self, grace: float) -> None:
        """In an orderly way, as an account does it."""
        self.stopping_at = trio.current_time() + grace
        self.inbox.stop_handing_out()
        with trio.move_on_after(grace):
            await self.inbox.wait_idle()
        self.stopping_at = trio.current_time()
        self.working.cancel()
        with trio.move_on_after(LONGEST_ROUND):
            await self.ended.wait()
            assert not any(row.claimed for row in self.witness.rows.values()), "all is given back"
            return
        self.over = True
        self.witness.seen["left behind"] += 1
        for work in self.dispatcher.working:
            if not work.held.revoked:
                self.inbox.revoke(work.held)
        with trio.move_on_after(LONGEST_ROUND):
            await self.inbox.wait_idle()
            assert not any(row.claimed for row in self.witness.rows.values()), "all is taken back"
            return
        raise AssertionError("the store did not take back what stuck workers held")

    async def kill(self) -> None:
        """Not another word to the store."""
        await self.tape.at_work.acquire()
        self.over = True
        self.inbox._serving.shield = False
        self.keeping.cancel()
        self.witness.died(self.config.max_attempts)

    async def handle(self, message: Message) -> None:
        began, crew_ended = trio.current_time(), False
        self.running += 1
        try:
            if not self.over:
                self.witness.begins(message.id)
                assert self.running <= self.config.workers
            await self._behave(self.chance.choice(self.manners), message)
        except trio.Cancelled:
            now = trio.current_time()
            crew_ended = any(crew._deadline <= now for crew in self.crews)
            assert self.over or crew_ended or now >= min(began + TIME_LIMIT, self.stopping_at), "cut off too early"
            raise
        finally:
            self.running -= 1
            now = trio.current_time()
            assert now <= began + TIME_LIMIT + STUCK_AFTER + 10

    async def _behave(self, manner: str, message: Message) -> None:
        self.witness.seen[manner] += 1
        match manner:
            case "yields":
                await trio.lowlevel.checkpoint()
            case "brief":
                await trio.sleep(self.chance.choice((0.001, 0.01, 0.03)))
            case "slow":
                await trio.sleep(self.chance.uniform(0.1, 2.9))
            case "just in time":
                await trio.sleep(TIME_LIMIT)
            case "too long":
                await trio.sleep(TIME_LIMIT * 3)
            case "fails":
                raise ValueError("no")
            case "swallows" | "ignores" | "objects":
                with trio.CancelScope() as scope:
                    try:
                        await trio.sleep(TIME_LIMIT * 2)
                    except trio.Cancelled:
                        scope.shield = True
                        await trio.sleep(0 if manner == "objects" else 0.5 if manner == "swallows" else 9)
                        if manner == "objects":
                            raise KeyError("so there") from None
            case "commits":
                async with message.transaction():
                    await trio.sleep(self.chance.choice((0, 0.5)))
                await trio.sleep(self.chance.choice((0, 4)))


class Ordeal:
    """Hours of trouble, then peace: by its end everything that was stored is over, and no trace of it is left."""

    def __init__(self, kept: AccountStore, seed: int) -> None:
        self._kept = kept
        self._chance = chance = Random(seed)
        self._workers = chance.choice((1, 2, 4))
        self._max_attempts = chance.choice((1, 2, 5))
        self._lanes = chance.choice((2, 30))
        self._numbers = iter(range(10_000))
        self.witness = Witness()
        self.acked: set[str] = set()

    async def undergo(self, steps: int) -> None:
        chance = self._chance
        async with trio.open_nursery() as nursery:
            life = await self._begin(nursery)
            for _ in range(steps):
                await trio.sleep(chance.choice((0, 0, 0, 0.001, 0.02, 0.3, 1.1, 4)))
                for _ in range(chance.choice((0, 0, 1, 2, 5))):
                    await trio.lowlevel.checkpoint()
                [deed] = chance.choices(list(DEEDS), list(DEEDS.values()))
                match deed:
                    case "arrive":
                        nursery.start_soon(self._arrive, life)
                    case "lost":
                        life.rotate(chance.choice((0, 1.0, 60.0)))
                    case "replaced":
                        life.rotate(None)
                    case "manners":
                        life.manners = chance.choice((QUICK, QUICK, QUICK + SLOW, SLOW))
                    case "store":
                        life.tape.failing, life.tape.slow = chance.choice(
                            ((False, False), (False, True), (True, False), (True, True))
                        )
                    case "stop":
                        life.tape.failing = life.tape.slow = False
                        await life.stop(chance.choice((0, 0.5, 20)))
                        life = await self._begin(nursery)
                    case "die":
                        await life.kill()
                        life = await self._begin(nursery)
            life.tape.failing = life.tape.slow = False
            life.manners = QUICK
            await trio.sleep(PEACE)
            self._check(life)
            await life.kill()
        for row in self.witness.rows.values():
            assert row.over

    async def _begin(self, nursery: trio.Nursery) -> Life:
        tape = Tape(self._kept, self.witness, self._chance, self._max_attempts)
        life = Life(tape, self.witness, self._chance, self._workers, self._max_attempts)
        await nursery.start(life.run)
        return life

    async def _arrive(self, life: Life) -> None:
        deliveries = []
        for _ in range(self._chance.choice((1, 3, 20))):
            number = str(next(self._numbers))
            deliveries.append(
                Delivery(number, str(self._chance.randrange(self._lanes)), "fake", '{"text": "hello"}', f"ack{number}")
            )
        if self._chance.random() < 0.3:
            life.inbox.rescue(deliveries)
        else:
            with trio.move_on_after(PEACE / 2):
                acked, _ = await life.inbox.accept(deliveries)
                self.acked |= {delivery.key for delivery in acked}

    def _check(self, life: Life) -> None:
        assert self.acked <= self.witness.seqs.keys(), "acknowledged, and lost"
        inbox = life.inbox
        assert (inbox.depth, inbox.busy, inbox._bytes, life.running) == (0, 0, 0, 0)
        assert (inbox._shelf._bytes_left, inbox._shelf._kept) == (life.config.queue_bytes, {})
        assert not inbox._shelf._worn
        assert not life.dispatcher.working
        assert len(inbox._hands._waiting) == life.config.workers, "earlier generations are gone"

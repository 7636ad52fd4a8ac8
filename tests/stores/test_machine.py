"""Both stores side by side, against a model in a dictionary: any sequence of calls, crashes and full disks."""

import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import attrs
import pytest
import trio
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.stores.disk import Disk
from trio_bridge.engine.store import Completion, NewOutgoing, OutgoingChange, Work
from trio_bridge.errors import StoreUnavailable
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.stores.sqlite import SqliteStore, inline
from trio_bridge.wire.protocol import Delivery

KEYS = st.sampled_from("abcdefg")
ALIASES = st.none() | st.sampled_from("xyz")
TIMES = st.integers(1, 9).map(float)
REPLIES = st.sampled_from(["r", "s", "t"])
STATES = ("open", "pending", "sending", "sent", "unknown", "dead")
MAX_DEATHS, MAX_ATTEMPTS = 2, 3
LARGE = "x" * 50_000


class Side:
    """One store, and what it calls the deliveries: numbers and fences are its own affair."""

    def __init__(self, store):
        self.store = store
        self.account = None
        self.seqs = {}
        self.claims = {}

    async def accept(self, now, deliveries, room):
        done = await self.account.work(Work(now, accept=deliveries, room=room, room_bytes=10**9))
        for delivery, accepted in zip(deliveries, done.accepted, strict=True):
            if accepted.seq:
                self.seqs[delivery.key] = accepted.seq
                self.claims[delivery.key] = []
        return [accepted.verdict.value for accepted in done.accepted]

    async def claim(self, keys, kept):
        seqs = [self.seqs.get(key, 10**6) for key in keys]
        done = await self.account.work(Work(1.0, claim=seqs, kept={self.seqs[key]: kept[key] for key in kept}))
        for key, claim in zip(keys, done.claimed, strict=True):
            if claim is not None:
                self.claims[key].append(claim)
        return [claim and (claim.delivery, claim.attempts, claim.deaths, claim.interrupted) for claim in done.claimed]

    async def finish(self, now, key, which, result, more):
        claim = self.claims[key][which]
        done = await self.account.work(Work(now, finish=[Completion(claim.seq, claim.fence, result, **more)]))
        return done.finished

    async def recover(self, now):
        found = await self.account.recover(now=now, max_deaths=MAX_DEATHS, max_attempts=MAX_ATTEMPTS)
        names = {seq: key for key, seq in self.seqs.items()}
        rows = [(names[row.seq], row.lane, row.size, row.not_before) for row in found.waiting]
        return rows, found.died, found.buried

    async def picture(self):
        """Everything that can be seen without changing it."""
        letters = await self.account.dead_letters()
        return (
            sorted((letter.box, letter.key, letter.attempts, letter.at) for letter in letters),
            [letter.at for letter in letters] == sorted(letter.at for letter in letters),
            [attrs.evolve(row, seq=0) for row in await self.account.outgoing(STATES)],
            [await self.account.outgoing_row(key) is not None for key in "rst"],
            await self.account.load("s"),
        )


class StoreMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.disk = Disk()
        self.disk.under(self.patch)
        self.place = Path(tempfile.mkdtemp())
        self.crashes = 0
        self.memory = Side(MemoryStore())
        self.sqlite = Side(None)
        self.rows = {}  # Deliveries by key, in order of arrival.
        self.replies = {}
        self.state = {}

    @initialize()
    def open(self):
        trio.run(self._open)

    async def _open(self):
        self.memory.account = await self.memory.store.open_account("a", platform="x")
        await self._open_sqlite(self.place / "0")

    async def _open_sqlite(self, place):
        place.mkdir(exist_ok=True)
        self.sqlite.store = SqliteStore(place / "bridge.db", executor=inline)
        await self.sqlite.store.open()
        self.sqlite.account = await self.sqlite.store.open_account("a", platform="x")

    def teardown(self):
        if self.sqlite.store is not None:
            trio.run(self.sqlite.store.aclose)
        self.patch.undo()
        shutil.rmtree(self.place)

    def both(self, call, *args):
        """What both stores say, who must agree."""

        async def main():
            return [await call(side, *args) for side in (self.memory, self.sqlite)]

        memory, sqlite = trio.run(main)
        assert memory == sqlite
        return sqlite

    # The inbox

    @rule(now=TIMES, arriving=st.lists(st.tuples(KEYS, ALIASES), min_size=1, max_size=4), room=st.integers(0, 4))
    def receive(self, now, arriving, room):
        deliveries = [Delivery(key, f"lane {key}", "topic", f"data of {key}", alias=alias) for key, alias in arriving]
        expected = []
        for delivery in deliveries:
            if self._known(delivery):
                expected.append("duplicate")
            elif expected.count("stored") == room:
                expected.append("full")
            else:
                expected.append("stored")
                self._store(delivery, now)
        assert self.both(Side.accept, now, deliveries, room) == expected

    def _known(self, delivery):
        aliases = {row.delivery.alias for row in self.rows.values()} - {None}
        return delivery.key in self.rows or delivery.alias in aliases

    def _store(self, delivery, now):
        counters = {"attempts": 0, "deaths": 0, "interrupted": 0, "not_before": 0.0}
        self.rows[delivery.key] = SimpleNamespace(
            delivery=delivery, at=now, status="waiting", claims=0, newest=None, died_at=None, **counters
        )

    @rule(keys=st.lists(KEYS, min_size=1, max_size=4, unique=True), keep=st.booleans())
    def claim(self, keys, keep):
        expected = []
        fresh = {key: self.rows[key].delivery for key in keys if key in self.rows and not self.rows[key].claims}
        for key in keys:
            row = self.rows.get(key)
            if row is None or row.status != "waiting":
                expected.append(None)
                continue
            row.status, row.newest = "held", row.claims
            row.claims += 1
            row.attempts += 1
            expected.append((row.delivery, row.attempts, row.deaths, row.interrupted))
        assert self.both(Side.claim, keys, fresh if keep else {}) == expected

    @rule(
        data=st.data(),
        now=TIMES,
        result=st.sampled_from(["done", "retry", "release", "dead"]),
        unstarted=st.booleans(),
        late=st.booleans(),
        text=st.text(max_size=3),
        extra=st.booleans(),
    )
    def finish(self, data, now, result, unstarted, late, text, extra):
        claimed = [key for key, row in self.rows.items() if row.claims and (late or row.status == "held")]
        if not claimed:
            return
        key = data.draw(st.sampled_from(claimed))
        row = self.rows[key]
        which = data.draw(st.integers(0, row.claims - 1)) if late else row.newest
        more = {"not_before": now + 1, "error": "e", "unstarted": unstarted}
        if extra:
            reply = data.draw(REPLIES)
            more["outgoing"] = (NewOutgoing(reply, "lane", "target", text),)
            more["changes"] = (OutgoingChange("t", error=text),)
            more["state"] = {"s": {key: text or None}}
        valid = row.status == "held" and which == row.newest
        assert self.both(Side.finish, now, key, which, result, more) == [valid]
        if not valid:
            return
        self._finished(row, result, now, unstarted=unstarted)
        if extra:
            self._enqueue(reply, text, "pending", now)
            self._change("t", error=text)
            self._save(key, text or None)

    def _finished(self, row, result, now, *, unstarted):
        row.status = {"done": "done", "dead": "dead"}.get(result, "waiting")
        if result == "dead":
            row.died_at = now
        elif result != "done":
            row.not_before = now + 1
        if result == "release":
            row.attempts -= 1
            row.interrupted += not unstarted

    @rule(now=TIMES)
    def crash(self, now):
        trio.run(self._crash)
        died = [row for row in self.rows.values() if row.status == "held"]
        for row in died:
            row.deaths += 1
            row.status = "waiting"
            if row.deaths >= MAX_DEATHS or row.attempts >= MAX_ATTEMPTS:
                row.status, row.died_at = "dead", now
        for reply in self.replies.values():
            if reply.state == "sending":
                reply.state = "unknown"
        waiting = [
            (key, row.delivery.lane, len(row.delivery.data), row.not_before)
            for key, row in self.rows.items()
            if row.status == "waiting"
        ]
        buried = sum(row.status == "dead" for row in died)
        assert self.both(Side.recover, now) == (waiting, len(died), buried)

    async def _crash(self):
        """What is on the disk now is opened elsewhere, as after a loss of power: without the shared memory."""
        self.crashes += 1
        place, old = self.place / str(self.crashes), self.sqlite.store
        place.mkdir()
        for name in ("bridge.db", "bridge.db-wal"):
            shutil.copy(old.path.with_name(name), place / name)
        await old.aclose()
        await self._open_sqlite(place)

    @rule(now=TIMES, key=KEYS, reply=REPLIES)
    def try_a_full_disk(self, now, key, reply):
        """Whoever finds no room is told, and nothing happened. The memory store is not asked."""
        delivery = Delivery(key, "lane", "topic", LARGE)
        rows = [NewOutgoing(f"large {reply}", "lane", "target", LARGE)]
        self.disk.limit()

        async def main():
            if not self._known(delivery):
                with pytest.raises(StoreUnavailable, match="disk is full"):
                    await self.sqlite.account.work(Work(now, accept=[delivery], room=1, room_bytes=10**9))
            with pytest.raises(StoreUnavailable, match="disk is full"):
                await self.sqlite.account.enqueue(rows, now=now)

        trio.run(main)
        self.disk.relax()

    @rule(before=TIMES)
    def trim(self, before):
        old = [key for key, row in self.rows.items() if row.status == "done" and row.at < before]
        sent = [
            key for key, row in self.replies.items() if (row.state == "sent" or row.purged) and row.created_at < before
        ]
        for key in old:
            del self.rows[key]
        for key in sent:
            del self.replies[key]

        async def trimmed(side):
            return await side.account.trim(before=before)

        assert self.both(trimmed) == len(old) + len(sent)

    @rule(key=KEYS, action=st.sampled_from(["replay", "purge"]))
    def revive_or_purge_a_delivery(self, key, action):
        row = self.rows.get(key)
        dead = row is not None and row.status == "dead"
        assert self.both(self._resolve, action, "inbox", key) == dead
        if dead and action == "replay":
            row.status, row.not_before = "waiting", 0.0
            row.attempts = row.deaths = row.interrupted = 0
        elif dead:
            row.status = "done"

    @rule(key=REPLIES, action=st.sampled_from(["replay", "purge"]))
    def revive_or_purge_a_reply(self, key, action):
        row = self.replies.get(key)
        given_up = row is not None and row.state in ("dead", "unknown") and not row.purged
        assert self.both(self._resolve, action, "outbox", key) == given_up
        if given_up and action == "replay":
            row.state, row.attempts, row.error = "pending", 0, ""
        elif given_up:
            row.state, row.text, row.purged = "dead", "", True

    @staticmethod
    async def _resolve(side, action, box, key):
        return await getattr(side.account, action)(box, key)

    # The outbox and small state

    @rule(key=REPLIES, text=st.text(max_size=3), state=st.sampled_from(["open", "pending"]), now=TIMES)
    def enqueue(self, key, text, state, now):
        async def enqueued(side):
            [row] = await side.account.enqueue([NewOutgoing(key, "lane", "target", text, state=state)], now=now)
            return row.key, row.text, row.state

        self._enqueue(key, text, state, now)
        row = self.replies[key]
        assert self.both(enqueued) == (key, row.text, row.state)

    def _enqueue(self, key, text, state, now):
        row = self.replies.get(key)
        if row is None:
            self.replies[key] = SimpleNamespace(
                text=text, state=state, created_at=now, attempts=0, error="", purged=False
            )
        elif row.state == "open" and state == "pending":
            row.text, row.state = text, state

    @rule(key=REPLIES, state=st.none() | st.sampled_from(STATES), attempts=st.none() | st.integers(0, 3))
    def change(self, key, state, attempts):
        async def changed(side):
            await side.account.change([OutgoingChange(key, state=state, attempts=attempts)])

        self.both(changed)
        self._change(key, state=state, attempts=attempts)

    def _change(self, key, **changes):
        row = self.replies.get(key)
        if row is not None and not row.purged:
            vars(row).update({name: value for name, value in changes.items() if value is not None})

    @rule(key=KEYS, value=st.none() | st.integers() | st.lists(st.text(max_size=2), max_size=2))
    def save(self, key, value):
        async def saved(side):
            await side.account.save("s", {key: value})

        self.both(saved)
        self._save(key, value)

    def _save(self, key, value):
        if value is None:
            self.state.pop(key, None)
        else:
            self.state[key] = value

    @invariant()
    def what_is_seen_is_what_was_done(self):
        if self.sqlite.account is None:
            return
        letters, in_order, replies, present, state = self.both(Side.picture)
        dead = [("inbox", key, row.attempts, row.died_at) for key, row in self.rows.items() if row.status == "dead"]
        dead += [
            ("outbox", key, row.attempts, row.created_at)
            for key, row in self.replies.items()
            if row.state == "dead" and not row.purged
        ]
        assert letters == sorted(dead)
        assert in_order
        assert [(row.key, row.text, row.state, row.attempts, row.error, row.created_at) for row in replies] == [
            (key, row.text, row.state, row.attempts, row.error, row.created_at)
            for key, row in self.replies.items()
            if not row.purged
        ]
        assert present == [key in self.replies for key in "rst"]
        assert state == self.state


StoreMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=40, deadline=None)
TestStores = StoreMachine.TestCase

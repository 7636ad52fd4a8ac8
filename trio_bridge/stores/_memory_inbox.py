"""The inbox of one account in plain dictionaries."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

import attrs

from ..engine.store import Accepted, Claim, Completion, DeadLetter, Recovered, Verdict, Waiting, Work
from ..wire.protocol import Delivery

_DUPLICATE = Accepted(Verdict.DUPLICATE)
_FULL = Accepted(Verdict.FULL)
_DROPPED = Accepted(Verdict.DROPPED)


@attrs.define(eq=False)
class _Row:
    """A delivery that waits, is in hand (``held``) or is dead."""

    seq: int
    delivery: Delivery
    received_at: float
    held: bool = False
    dead: bool = False
    fence: int = 0
    attempts: int = 0
    deaths: int = 0
    interrupted: int = 0
    not_before: float = 0.0
    error: str = ""
    died_at: float = 0.0


class MemoryInbox:
    """Of a delivery that is done, key, alias and time are kept."""

    def __init__(self) -> None:
        self._rows: dict[int, _Row] = {}
        self._keys: dict[str, int] = {}
        self._aliases: set[str] = set()
        self._done: list[tuple[float, str, str | None]] = []
        """A heap: what was seen first is trimmed first."""
        self._last_seq = 0

    def accept(self, work: Work) -> list[Accepted]:
        """What is new is kept, as far as there is room."""
        room, room_bytes = work.room, work.room_bytes
        keys, aliases, lanes = self._keys, self._aliases, dict(work.lane_room)
        accepted = []
        for delivery in work.accept:
            key, alias, size = delivery.key, delivery.alias, len(delivery.data)
            if key in keys or alias in aliases:
                accepted.append(_DUPLICATE)
            elif lanes and lanes.get(delivery.lane, 1) < 1:
                keys[key] = 0
                if alias is not None:
                    aliases.add(alias)
                heapq.heappush(self._done, (work.now, key, alias))
                accepted.append(_DROPPED)
            elif room < 1 or size > room_bytes:
                accepted.append(_FULL)
            else:
                self._last_seq = seq = self._last_seq + 1
                self._rows[seq] = _Row(seq, delivery, work.now)
                keys[key] = seq
                if alias is not None:
                    aliases.add(alias)
                room -= 1
                room_bytes -= size
                if delivery.lane in lanes:
                    lanes[delivery.lane] -= 1
                accepted.append(Accepted(Verdict.STORED, seq))
        return accepted

    def claim(self, seq: int) -> Claim | None:
        """The delivery is in hand, if it was waiting."""
        row = self._rows.get(seq)
        if row is None or row.held or row.dead:
            return None
        row.held = True
        row.fence += 1
        row.attempts += 1
        return Claim(seq, row.fence, row.delivery, row.attempts, row.deaths, row.interrupted)

    def finish(self, completion: Completion, now: float) -> bool:
        """The claim has ended; false where it is not the newest one."""
        row = self._rows.get(completion.seq)
        if row is None or not row.held or row.fence != completion.fence:
            return False
        row.held = False
        if completion.result == "done":
            self._forget(row)
            return True
        row.error = completion.error
        row.not_before = 0.0 if completion.result == "dead" else completion.not_before
        if completion.result == "dead":
            row.dead, row.died_at = True, now
        elif completion.result == "release":
            row.attempts -= 1
            row.interrupted += not completion.unstarted
        return True

    def _forget(self, row: _Row) -> None:
        del self._rows[row.seq]
        heapq.heappush(self._done, (row.received_at, row.delivery.key, row.delivery.alias))

    def recover(self, *, now: float, max_deaths: int, max_attempts: int) -> Recovered:
        """What was in hand waits again with a death more, or is dead. The attempt was counted at the claim."""
        died = [row for row in self._rows.values() if row.held]
        for row in died:
            row.held = False
            row.deaths += 1
            if row.deaths >= max_deaths or row.attempts >= max_attempts:
                row.dead, row.died_at = True, now
                row.error = f"the process ended while this was handled: {row.deaths} deaths, {row.attempts} attempts"
        waiting = [
            Waiting(
                row.seq,
                row.delivery.lane,
                len(row.delivery.data),
                row.not_before,
                row.deaths > 0 and (row.deaths + 1 >= max_deaths or row.attempts + 1 >= max_attempts),
            )
            for row in self._rows.values()
            if not row.dead
        ]
        return Recovered(waiting, len(died), sum(row.dead for row in died))

    def trim(self, before: float) -> int:
        """What was handled and seen before ``before`` may come anew. Returns how many."""
        count = 0
        while self._done and self._done[0][0] < before:
            _, key, alias = heapq.heappop(self._done)
            del self._keys[key]
            if alias is not None:
                self._aliases.discard(alias)
            count += 1
        return count

    def dead_letters(self, account: str) -> Iterable[DeadLetter]:
        """What was given up, oldest first."""
        for row in sorted((row for row in self._rows.values() if row.dead), key=lambda row: (row.died_at, row.seq)):
            delivery = row.delivery
            yield DeadLetter(account, "inbox", delivery.key, delivery.lane, row.error, row.attempts, row.died_at)

    def replay(self, key: str) -> bool:
        """The dead delivery waits again. Its fence stays: a claim of before its death must not finish it."""
        row = self._dead(key)
        if row is not None:
            row.dead = False
            row.attempts = row.deaths = row.interrupted = 0
            row.not_before, row.error = 0.0, ""
        return row is not None

    def purge(self, key: str) -> bool:
        """The dead delivery is forgotten but for its key."""
        row = self._dead(key)
        if row is not None:
            self._forget(row)
        return row is not None

    def _dead(self, key: str) -> _Row | None:
        row = self._rows.get(self._keys.get(key, 0))
        return row if row is not None and row.dead else None

"""The outbox of one account in a dictionary."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from ..engine.store import DeadLetter, NewOutgoing, OutgoingChange, OutgoingRow, OutgoingState


class MemoryOutbox:
    """Replies by key, in the order in which they came."""

    def __init__(self) -> None:
        self._rows: dict[str, OutgoingRow] = {}
        self._purged: set[str] = set()
        self._last_seq = 0

    def enqueue(self, new: NewOutgoing, now: float) -> OutgoingRow:
        """The reply is kept. One that is there stays as it is, unless it was open and this is its end."""
        row = self._rows.get(new.key)
        if row is None:
            self._last_seq += 1
            row = OutgoingRow(
                self._last_seq, new.key, new.lane, new.target, new.text, new.title, new.attachments, new.state, now
            )
        elif row.state == "open" and new.state == "pending":
            row = attrs.evolve(row, text=new.text, title=new.title, attachments=new.attachments, state="pending")
        self._rows[new.key] = row
        return row

    def change(self, change: OutgoingChange) -> None:
        """The reply is changed, if there is one of that key."""
        row = self._rows.get(change.key)
        if row is not None and change.key not in self._purged:
            given = attrs.asdict(change, filter=lambda _, value: value is not None)
            self._rows[change.key] = attrs.evolve(row, **given)

    def by_key(self, key: str) -> OutgoingRow | None:
        """One reply. One that was purged shows as dead, without its text."""
        return self._rows.get(key)

    def by_state(self, states: Sequence[OutgoingState]) -> list[OutgoingRow]:
        """The replies in these states, in order."""
        return [row for row in self._rows.values() if row.state in states and row.key not in self._purged]

    def doubt_sending(self) -> None:
        """What was being sent may have arrived, or not."""
        for row in self.by_state(["sending"]):
            self.change(OutgoingChange(row.key, state="unknown"))

    def trim(self, before: float) -> int:
        """What is sent or purged and older than ``before`` is forgotten. Returns how many."""
        old = [
            row.key
            for row in self._rows.values()
            if row.created_at < before and (row.state == "sent" or row.key in self._purged)
        ]
        for key in old:
            del self._rows[key]
        self._purged.difference_update(old)
        return len(old)

    def dead_letters(self, account: str) -> Iterable[DeadLetter]:
        """What was given up, oldest first. A change has no time of its own: theirs is when they were written."""
        for row in sorted(self.by_state(["dead"]), key=lambda row: row.created_at):
            yield DeadLetter(account, "outbox", row.key, row.lane, row.error, row.attempts, row.created_at)

    def replay(self, key: str, now: float | None) -> bool:
        """A reply that is dead or unknown is to be sent; the parts that went out already are not."""
        if not self._given_up(key):
            return False
        self.change(OutgoingChange(key, state="pending", attempts=0, not_before=0.0, error=""))
        if now is not None:
            self._rows[key] = attrs.evolve(self._rows[key], created_at=now)
        return True

    def purge(self, key: str) -> bool:
        """A reply that is dead or unknown is forgotten but for its key."""
        if not self._given_up(key):
            return False
        self._rows[key] = attrs.evolve(self._rows[key], state="dead", target="", text="", title="", attachments="[]")
        self._purged.add(key)
        return True

    def _given_up(self, key: str) -> bool:
        row = self._rows.get(key)
        return row is not None and row.state in ("dead", "unknown") and key not in self._purged

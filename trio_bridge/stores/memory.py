"""Everything in memory: for tests, and for bots that may forget when they end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any, Literal

import attrs
import trio

from ..engine.store import (
    AccountRecord,
    AccountStore,
    DeadLetter,
    Done,
    NewOutgoing,
    OutgoingChange,
    OutgoingRow,
    OutgoingState,
    Recovered,
    Store,
    Work,
)
from ._memory_inbox import MemoryInbox
from ._memory_outbox import MemoryOutbox


class MemoryStore(Store):
    """It lives as long as the process, and so does what it keeps."""

    durable = False

    def __init__(self) -> None:
        self._records: dict[str, AccountRecord] = {}
        self._accounts: dict[str, MemoryAccount] = {}

    async def open_account(self, name: str, *, platform: str, owner: str = "", enabled: bool = True) -> MemoryAccount:
        await trio.lowlevel.checkpoint()
        known = self._records.get(name)
        self._records[name] = AccountRecord(name, platform, owner, enabled, known.wanted if known else None)
        return self._accounts.setdefault(name, MemoryAccount(name))

    async def accounts(self) -> list[AccountRecord]:
        await trio.lowlevel.checkpoint()
        return list(self._records.values())

    async def want(self, name: str, wanted: Literal["running", "stopped"]) -> None:
        await trio.lowlevel.checkpoint()
        if name in self._records:
            self._records[name] = attrs.evolve(self._records[name], wanted=wanted)

    async def forget_account(self, name: str) -> None:
        await trio.lowlevel.checkpoint()
        self._records.pop(name, None)
        self._accounts.pop(name, None)


class MemoryAccount(AccountStore):
    """One account's part of a :class:`MemoryStore`. Each call is a checkpoint, then done in one piece."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._inbox = MemoryInbox()
        self._outbox = MemoryOutbox()
        self._state: dict[str, dict[str, str]] = {}
        """Scope → key → JSON: text, so that nobody changes it by changing what was loaded."""

    async def recover(self, *, now: float, max_deaths: int, max_attempts: int) -> Recovered:
        await trio.lowlevel.checkpoint()
        self._outbox.doubt_sending()
        return self._inbox.recover(now=now, max_deaths=max_deaths, max_attempts=max_attempts)

    async def work(self, work: Work) -> Done:
        await trio.lowlevel.checkpoint()
        states = [
            completion.state and _encoded(completion.state) for completion in work.finish
        ]  # May raise: so, first.
        finished = []
        for completion, state in zip(work.finish, states, strict=True):
            held = self._inbox.finish(completion, work.now)
            if held:
                for new in completion.outgoing:
                    self._outbox.enqueue(new, work.now)
                for change in completion.changes:
                    self._outbox.change(change)
                self._save(state)
            finished.append(held)
        return Done(self._inbox.accept(work), finished, [self._inbox.claim(seq) for seq in work.claim])

    async def trim(self, *, before: float) -> int:
        await trio.lowlevel.checkpoint()
        return self._inbox.trim(before) + self._outbox.trim(before)

    async def enqueue(self, rows: Sequence[NewOutgoing], *, now: float) -> list[OutgoingRow]:
        await trio.lowlevel.checkpoint()
        return [self._outbox.enqueue(row, now) for row in rows]

    async def change(self, changes: Sequence[OutgoingChange]) -> None:
        await trio.lowlevel.checkpoint()
        for change in changes:
            self._outbox.change(change)

    async def outgoing(self, states: Sequence[OutgoingState]) -> list[OutgoingRow]:
        await trio.lowlevel.checkpoint()
        return self._outbox.by_state(states)

    async def outgoing_row(self, key: str) -> OutgoingRow | None:
        await trio.lowlevel.checkpoint()
        return self._outbox.by_key(key)

    async def load(self, scope: str) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        return {key: json.loads(value) for key, value in self._state.get(scope, {}).items()}

    async def save(self, scope: str, changes: Mapping[str, Any]) -> None:
        await trio.lowlevel.checkpoint()
        self._save(_encoded({scope: changes}))

    def _save(self, encoded: Mapping[str, Mapping[str, str | None]]) -> None:
        for scope, changes in encoded.items():
            kept = self._state.setdefault(scope, {})
            for key, value in changes.items():
                if value is None:
                    kept.pop(key, None)
                else:
                    kept[key] = value

    async def dead_letters(self) -> list[DeadLetter]:
        await trio.lowlevel.checkpoint()
        letters = [*self._inbox.dead_letters(self._name), *self._outbox.dead_letters(self._name)]
        return sorted(letters, key=attrgetter("at"))

    async def replay(self, box: Literal["inbox", "outbox"], key: str, *, now: float | None = None) -> bool:
        await trio.lowlevel.checkpoint()
        return self._inbox.replay(key) if box == "inbox" else self._outbox.replay(key, now)

    async def purge(self, box: Literal["inbox", "outbox"], key: str) -> bool:
        await trio.lowlevel.checkpoint()
        return (self._inbox if box == "inbox" else self._outbox).purge(key)


def _encoded(state: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str | None]]:
    return {
        scope: {key: None if value is None else json.dumps(value) for key, value in changes.items()}
        for scope, changes in state.items()
    }

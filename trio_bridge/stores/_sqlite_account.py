"""What one account keeps in the file: each call becomes a job of the writer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from ..engine.store import (
    AccountStore,
    DeadLetter,
    Done,
    NewOutgoing,
    OutgoingChange,
    OutgoingRow,
    OutgoingState,
    Recovered,
    Waiting,
    Work,
)
from . import _sqlite_inbox as inbox
from . import _sqlite_outbox as outbox
from . import _sqlite_state as state
from ._sqlite_database import Transaction
from ._sqlite_writer import Writer

P = ParamSpec("P")
T = TypeVar("T")


class SqliteAccount(AccountStore):
    """One account's part of a :class:`SqliteStore`. In the file it is a number."""

    def __init__(self, writer: Writer, name: str, number: int) -> None:
        self._writer = writer
        self._name = name
        self._number = number

    async def _do(
        self, function: Callable[Concatenate[Transaction, int, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self._writer.call(lambda transaction: function(transaction, self._number, *args, **kwargs))

    async def recover(self, *, now: float, max_deaths: int, max_attempts: int) -> Recovered:
        # Page by page, so that 100,000 rows hold up nobody. Only the last step changes something, and that all at once.
        waiting: list[Waiting] = []
        in_hand: list[int] = []
        more = True
        while more:
            page = await self._do(
                inbox.read_page,
                after=waiting[-1].seq if waiting else 0,
                max_deaths=max_deaths,
                max_attempts=max_attempts,
            )
            waiting += page.rows
            in_hand += page.in_hand
            more = len(page.rows) == inbox.PAGE
        buried = await self._do(_take_back, in_hand, now=now, max_deaths=max_deaths, max_attempts=max_attempts)
        if buried:
            waiting = [row for row in waiting if row.seq not in buried]
        return Recovered(waiting, len(in_hand), len(buried))

    async def work(self, work: Work) -> Done:
        rows = len(work.accept) + len(work.finish) + len(work.claim)
        return await self._writer.call(lambda transaction: inbox.work(transaction, self._number, work), rows=rows)

    async def trim(self, *, before: float) -> int:
        count = 0
        position: tuple[float, int] | None = (-math.inf, 0)
        while position is not None:
            handled, position = await self._do(inbox.trim, before, after=position)
            count += handled
        more = True
        while more:
            sent = await self._do(outbox.trim, before)
            count += sent
            more = sent == outbox.PAGE
        return count

    async def enqueue(self, rows: Sequence[NewOutgoing], *, now: float) -> list[OutgoingRow]:
        return await self._do(outbox.enqueue_all, rows, now)

    async def change(self, changes: Sequence[OutgoingChange]) -> None:
        await self._do(outbox.change_all, changes)

    async def outgoing(self, states: Sequence[OutgoingState]) -> list[OutgoingRow]:
        return await self._do(outbox.by_state, states)

    async def outgoing_row(self, key: str) -> OutgoingRow | None:
        return await self._do(outbox.by_key, key)

    async def load(self, scope: str) -> dict[str, Any]:
        return await self._do(state.load, scope)

    async def save(self, scope: str, changes: Mapping[str, Any]) -> None:
        await self._do(state.save, scope, changes)

    async def dead_letters(self) -> list[DeadLetter]:
        letters = await self._do(inbox.dead_letters, self._name) + await self._do(outbox.dead_letters, self._name)
        return sorted(letters, key=attrgetter("at"))

    async def replay(self, box: Literal["inbox", "outbox"], key: str, *, now: float | None = None) -> bool:
        if box == "inbox":
            return await self._do(inbox.replay, key)
        return await self._do(outbox.replay, key, now)

    async def purge(self, box: Literal["inbox", "outbox"], key: str) -> bool:
        return await self._do(inbox.purge if box == "inbox" else outbox.purge, key)


def _take_back(
    transaction: Transaction, account: int, in_hand: Sequence[int], *, now: float, max_deaths: int, max_attempts: int
) -> set[int]:
    outbox.doubt_sending(transaction, account)
    return inbox.take_back(transaction, account, in_hand, now=now, max_deaths=max_deaths, max_attempts=max_attempts)

"""The one writer of a file: calls of all accounts that wait at the same time share a commit.

1. Rows are written by the thread that runs the loop; only COMMIT, and what reads a whole file, goes to another.
   A thread that steps from row to row takes the interpreter's lock anew for each, behind a busy loop.
2. While a round is being committed, the next one gathers. No task does the writing: the first caller to come leads a
   round, and hands over to the first of those that came meanwhile.
3. A round that fails is rolled back, and each of its calls is carried out alone: only the one at fault fails.
"""

from __future__ import annotations

import logging
import sqlite3
from collections import deque
from contextlib import suppress
from typing import Any, Generic, TypeVar

import attrs
import trio

from ..errors import StoreUnavailable
from ._sqlite_connection import explain
from ._sqlite_database import Database, Job

T = TypeVar("T")

ROUND_ROWS = 512
"""Rows of one round, about: at 10 µs each they hold the loop for some milliseconds."""
SAY_AGAIN = 60.0
"""Seconds after which a trouble that stays is logged once more: every call of every account meets it."""

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class _Call(Generic[T]):
    """A job on its way to an answer."""

    job: Job[T]
    rows: int
    answered: bool = False
    _result: T | None = None
    _error: Exception | None = None
    _task: trio.lowlevel.Task | None = None

    async def park(self, waiting: deque[_Call[Any]]) -> None:
        """Wait until the call is answered, or is to lead. Cancelled before its round has begun, it leaves the queue."""

        def abort(_: object) -> trio.lowlevel.Abort:
            self._task = None
            with suppress(ValueError):  # Its round has begun: it is carried out, though nobody hears of it.
                waiting.remove(self)
            return trio.lowlevel.Abort.SUCCEEDED

        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(abort)

    def wake(self) -> None:
        if self._task is not None:
            trio.lowlevel.reschedule(self._task)
            self._task = None

    def succeed(self, result: T) -> None:
        self._result, self.answered = result, True
        self.wake()

    def fail(self, error: Exception) -> None:
        self._error, self.answered = error, True
        self.wake()

    def answer(self) -> T:
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]  # None only where the job returned it.


class Writer:
    """Carries out calls in the order in which they came, many in one commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[_Call[Any]] = deque()
        self._led = False
        self._idle = trio.Event()
        self._closed = False
        self._told = ""
        self._told_at = 0.0

    async def aclose(self) -> None:
        """Every call has its answer, and none is taken any more."""
        self._closed = True
        if self._led:
            await self._idle.wait()

    async def call(self, job: Job[T], *, rows: int = 1) -> T:
        """Carry out a job in one transaction, durably. It may run more than once: then it was rolled back before.

        Raises:
          StoreUnavailable: it changed nothing.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._closed:
            raise StoreUnavailable(f"the store {self._database.path} is closed")
        call = _Call(job, rows)
        self._waiting.append(call)
        if self._led:
            await call.park(self._waiting)
        if not call.answered:
            await self._lead()
        return call.answer()

    @trio.lowlevel.enable_ki_protection
    async def _lead(self) -> None:
        """Carry out what has gathered, and see to it that somebody carries out the rest."""
        if not self._led:
            self._led, self._idle = True, trio.Event()
        # Others wait for this round. It is bounded by the patience for a lock, and by the disk.
        with trio.CancelScope(shield=True):
            await self._carry_out(self._gather())
        if self._waiting:
            self._waiting[0].wake()
        else:
            self._led = False
            self._idle.set()

    def _gather(self) -> list[_Call[Any]]:
        calls = [self._waiting.popleft()]
        rows = calls[0].rows
        while self._waiting and (rows := rows + self._waiting[0].rows) <= ROUND_ROWS:
            calls.append(self._waiting.popleft())
        return calls

    async def _carry_out(self, calls: list[_Call[Any]]) -> None:
        """Every one of these calls has its answer."""
        rounds = deque([calls])
        try:
            while rounds:
                await self._round(rounds.popleft(), rounds)
        except StoreUnavailable as trouble:
            self._tell(str(trouble))
            for call in (*calls, *self._waiting):
                if not call.answered:
                    error = StoreUnavailable(str(trouble))  # One each: an exception belongs to the task that raises it.
                    error.__cause__ = trouble
                    call.fail(error)
            self._waiting.clear()

    async def _round(self, calls: list[_Call[Any]], rounds: deque[list[_Call[Any]]]) -> None:
        try:
            results = await self._database.transact([call.job for call in calls])
        except StoreUnavailable:
            raise
        except Exception as error:  # Not a wall: it is raised again, by the call that is at fault.
            if len(calls) > 1:
                rounds.extend([call] for call in calls)
            elif isinstance(error, sqlite3.Error):
                trouble = explain(self._database.path, error)
                self._tell(str(trouble))
                calls[0].fail(trouble)
            else:
                calls[0].fail(error)
        else:
            for call, result in zip(calls, results, strict=True):
                call.succeed(result)

    def _tell(self, trouble: str) -> None:
        """Have the log say why nothing is kept: callers only know that they have to wait."""
        now = trio.current_time()
        if trouble != self._told or now - self._told_at >= SAY_AGAIN:
            logger.error("the store failed", extra={"cause": trouble})
            self._told, self._told_at = trouble, now

"""What drives a simulator: its gateway, which has no clock, acts in time, and whoever waits looks again."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from typing import Protocol

import trio

from ..engine.bell import Bell


class Timed(Protocol):
    """A gateway that is told the time."""

    def deadline(self) -> float | None:
        """When it wants to be told again."""

    def tick(self, now: float) -> None:
        """Do what is due."""


class Clockwork(abc.ABC):
    """Has a gateway act in time. Whatever changes is told to those who wait."""

    def __init__(self, gateway: Timed) -> None:
        self._timed = gateway
        self._news = trio.Event()
        self._sooner = Bell()
        self._armed_for = math.inf

    @abc.abstractmethod
    def flush(self) -> None:
        """Hand over what the gateway wants written; then :meth:`rearm`."""

    def rearm(self) -> None:
        """Have the gateway's next deadline kept, and tell those who wait."""
        deadline = self._timed.deadline()
        if deadline is not None and deadline < self._armed_for:
            self._sooner.ring()
        self.tell()

    def tell(self) -> None:
        """Have those who wait look again."""
        if self._news.statistics().tasks_waiting:
            self._news.set()
            self._news = trio.Event()

    async def wait_until(self, holds: Callable[[], object]) -> None:
        """Return when it holds. Looked at whenever anything has happened; nothing is polled."""
        await trio.lowlevel.checkpoint()
        while not holds():
            await self._news.wait()

    async def keep_time(self) -> None:
        """Have the gateway act whenever its time has come, until cancelled."""
        while True:
            deadline = self._timed.deadline()
            self._armed_for = math.inf if deadline is None else deadline
            await self._sooner.wait_until(self._armed_for)
            self._timed.tick(trio.current_time())
            self.flush()

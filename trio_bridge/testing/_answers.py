"""Answers that somebody waits for, and what to say when they don't come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

import trio

if TYPE_CHECKING:
    from ..engine.account import Account

AnySent = TypeVar("AnySent")
AnySent_co = TypeVar("AnySent_co", covariant=True)

TOLD = 5
"""Messages whose story is told, and faults that are: the newest ones."""


class Scene(Protocol[AnySent_co]):
    """Where it happens."""

    @property
    def sent(self) -> Sequence[AnySent_co]:
        """What clients had sent. Nothing is ever taken out of it."""

    @property
    def connected(self) -> int:
        """How many clients are connected."""

    def stories(self) -> Sequence[str]:
        """What became of every message."""

    def faults(self) -> Sequence[str]:
        """What rules clients broke."""

    async def wait_until(self, holds: Callable[[], object]) -> None:
        """Return when it holds."""


class Answers(Generic[AnySent]):
    """What clients had sent, each thing to be heard once. Nobody waits longer than ``patience()`` seconds."""

    def __init__(self, scene: Scene[AnySent], patience: Callable[[], float]) -> None:
        self.accounts: list[Account] = []
        """Accounts of ours: they know more than a server can."""
        self._scene = scene
        self._patience = patience
        self._seen = 0
        self._left: list[int] = []
        """Numbers of what was sent: the text of a card may yet change."""

    async def hear(self, wanted: Callable[[AnySent], bool]) -> AnySent:
        """The oldest thing that is wanted and was not heard yet; waits for it."""

        sent = self._scene.sent

        def left() -> Iterator[int]:
            self._left += range(self._seen, len(sent))
            self._seen = len(sent)
            return (number for number in self._left if wanted(sent[number]))

        with self.impatient("the bot did not answer"):
            await self._scene.wait_until(lambda: any(True for _ in left()))
        heard = next(left())
        self._left.remove(heard)
        return sent[heard]

    @contextmanager
    def impatient(self, complaint: str) -> Iterator[None]:
        """Fail with all that is known if the block takes too long."""
        seconds = self._patience()
        with trio.move_on_after(seconds) as scope:
            yield
        if scope.cancelled_caught:
            told = [f"{complaint} within {seconds:g} s", *self._circumstances()]
            raise AssertionError("\n  ".join(told)) from None

    def _circumstances(self) -> Iterator[str]:
        yield f"connections: {self._scene.connected}"
        yield from self._scene.stories()[-TOLD:]
        yield from self._scene.faults()[-TOLD:]
        for account in self.accounts:
            now = account.statistics()
            counts = now.counters
            yield (
                f"account {now.name}: {now.state}; gated {counts.gated}, handled {counts.handled}, "
                f"handler failed {counts.failed} (see the log), sending failed {counts.send_failed}, "
                f"dead letters {now.dead_letters}"
            )
            if now.last_error is not None:
                yield f"account {now.name}: last error: {now.last_error.kind}: {now.last_error.message}"

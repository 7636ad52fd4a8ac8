"""Answers that somebody waits for, and what to say when they don't come."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import trio

from ..platforms.dingtalk.gateway.desk import Sent
from ._dingtalk_server import DingTalkServer
from .dingtalk_story import story_of

if TYPE_CHECKING:
    from ..engine.account import Account

TOLD = 5
"""Messages whose story is told: the newest ones."""


class Answers:
    """What clients had sent, each thing to be heard once. Nobody waits longer than ``patience()`` seconds."""

    def __init__(self, server: DingTalkServer, patience: Callable[[], float]) -> None:
        self.accounts: list[Account] = []
        """Accounts of ours: they know more than a server can."""
        self._server = server
        self._patience = patience
        self._seen = 0
        self._left: list[int] = []
        """Numbers of what was sent: the text of a card may yet change."""

    async def hear(self, wanted: Callable[[Sent], bool]) -> Sent:
        """The oldest thing that is wanted and was not heard yet; waits for it."""

        sent = self._server.rest.sent

        def left() -> Iterator[int]:
            self._left += range(self._seen, len(sent))
            self._seen = len(sent)
            return (number for number in self._left if wanted(sent[number]))

        with self.impatient("the bot did not answer"):
            await self._server.wait_until(lambda: any(True for _ in left()))
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
        yield f"connections: {len(self._server.connections)}"
        ledger = self._server.gateway.ledger
        yield from [story_of(record) for record in ledger.records()][-TOLD:]
        for fault in ledger.faults[-TOLD:]:
            yield f"rule broken: {fault.kind} {fault.detail}".rstrip()
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

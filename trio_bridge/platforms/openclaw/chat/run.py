"""One question while it is answered, as whoever asked sees it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import trio

from ....engine.bell import Bell
from ..frames import Event
from .tracker import Status, Tracker


class Run(AsyncIterator[str]):
    """An answer that grows: ``async for delta in run``, then ``run.text``. Made by :meth:`OpenClawApi.chat`.

    A gateway may take back what it said, when it tries another model. Then comes an empty piece, ``rewritten`` is one
    more, and ``text`` is what stands.
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._grown = Bell()
        self.changed = Bell()
        """Rung for whoever sees to it that the question comes to its end."""
        self.text = ""
        """The answer, as far as it was given out; at the end, the whole answer."""
        self.rewritten = 0

    @property
    def key(self) -> str:
        """What makes the question the same one when it is asked again."""
        return self._tracker.key

    @property
    def status(self) -> Status:
        """``running``, or how it ended: ``final``; ``aborted`` in the middle; ``silent``; ``failed``."""
        return self._tracker.status

    async def __anext__(self) -> str:
        """The next piece. What comes faster than it is taken comes in one.

        Raises:
          RequestFailed: the gateway or the model failed.
          RateLimited: the gateway is too busy, for longer than a run may be silent.
          OutcomeUnknown: nobody knows what became of the question.
          AccountRefused: the gateway does not let us in as we are configured.
          AccountStopped: the account was stopped.
        """
        await trio.lowlevel.checkpoint()
        while True:
            if (text := self._tracker.text) != self.text:
                given, self.text = self.text, text
                if text.startswith(given):
                    return text[len(given) :]
                self.rewritten += 1
                return ""
            if self._tracker.over:
                if self._tracker.failure is not None:
                    raise self._tracker.failure
                raise StopAsyncIteration
            await self._grown.wait()

    async def finish(self) -> str:
        """The whole answer, as soon as it is there. Raises what the pieces do."""
        async for _ in self:
            pass
        return self.text

    def hear(self, event: Event) -> None:
        """Take an event in that may be about this answer."""
        if self._tracker.hear(event.name, event.payload):
            self.tell()

    def tell(self) -> None:
        """Something is new."""
        self._grown.ring()
        self.changed.ring()

"""The one loop that connects: it keeps one generation serving, and a second while one is leaving or draining.

All news comes over one channel, because a task waits for one thing at a time: generations that become ready or
end, servers that announce their leaving, operators. Nothing reconnects in place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import trio

from ..config import Overlap
from ..errors import AccountRefused, BridgeError, PeerStarting
from .generation import Generation, Workshop
from .governor import connect_governor
from .policy import Begin, RestartPolicy
from .states import STREAM, Ended, Fed, Leaving, News, Outcome, Phase, Proven, Ready, Replaced, Stopped, Trouble

FIRST = Begin(0.0)
TOLD_AT_FIRST = 3
TOLD_EVERY = 20
"""Of attempts that fail alike, the log tells the first 3 and then each 20th: a peer may be away for days."""

logger = logging.getLogger(__name__)


class Supervisor:
    """Begins generations and hears how they went."""

    def __init__(
        self, workshop: Workshop, policy: RestartPolicy, on_change: Callable[[], None], first: Begin = FIRST
    ) -> None:
        self._first = first
        self._workshop = workshop
        self._policy = policy
        self._on_change = on_change
        self._overlap: Overlap = workshop.config.overlap or workshop.platform.overlap
        self._current: Generation | None = None
        self._older: dict[int, Generation] = {}
        self._running: set[Generation] = set()
        self.trouble: Trouble | None = None
        """The last thing that went wrong."""
        self.failing_since: float | None = None
        """When the first attempt failed since the account was ready, or an operator wanted one."""
        self.refusal: AccountRefused | None = None
        """Why the account is in quarantine, while it is."""
        self.attempt = 0
        """Attempts since the account was last ready."""
        self.frozen = False
        """The account drains: nothing is begun any more."""

    async def run(self, news: trio.MemoryReceiveChannel[News]) -> None:
        """Supervise until cancelled."""
        async with trio.open_nursery() as generations:
            self._begin(generations, self._first)
            async for item in news:
                if self.frozen:
                    continue
                self._hear(generations, item)
                self._on_change()

    @property
    def phase(self) -> Phase:
        """What the account is doing: ready while any of its connections is."""
        if any(generation.serving for generation in self._older.values()):
            return "ready"
        return "connecting" if self._current is None else self._current.phase

    @property
    def serving(self) -> Generation | None:
        """The newest generation whose connection is up."""
        for generation in (self._current, *reversed(self._older.values())):
            if generation is not None and generation.serving:
                return generation
        return None

    @property
    def current(self) -> Generation | None:
        """The newest generation."""
        return self._current

    @property
    def draining(self) -> int:
        """Generations whose connection is gone and whose workers are not."""
        return sum(generation.retired and generation.crew.busy > 0 for generation in self._running)

    def nudge(self) -> None:
        """An operator wants an attempt now."""
        self._policy.forgive()
        self.failing_since = None
        if self._current is not None:
            self._current.nudge()

    def check_life(self) -> None:
        """The clock jumped: probe what is connected."""
        for generation in (self._current, *self._older.values()):
            if generation is not None:
                generation.check_life()

    def _hear(self, generations: trio.Nursery, item: News) -> None:
        match item:
            case Ready(number) if self._is_current(number):
                self._ready()
            case Leaving(number, reason) if self._is_current(number):
                self._server_leaves(generations, reason)
            case Ended(number, outcome) if self._is_current(number):
                self._lost(generations, outcome)
            case Ended(number, outcome):
                self._older.pop(number, None)
                self._policy.ran(outcome)
                logger.info("closed", extra=self._fields(number, cause=str(outcome.cause)))
            case Fed():
                self._policy.fed()
            case Proven(number) if self._is_current(number):
                self._policy.proven()
            case _:
                pass  # News of a generation that was replaced meanwhile.

    def _ready(self) -> None:
        assert self._current is not None
        self.attempt = 0
        self.failing_since = None
        self.refusal = None
        self._workshop.counters.generations += 1
        self._policy.ready()
        logger.info("ready", extra=self._fields(self._current.number))
        for generation in self._older.values():
            generation.leave("a newer connection is ready")

    def _server_leaves(self, generations: trio.Nursery, reason: str) -> None:
        assert self._current is not None
        old = self._current
        logger.info("the server announced its leaving", extra=self._fields(old.number, cause=reason))
        if self._overlap == "concurrent":
            for older in self._older.values():
                older.end("two connections at a time are enough")
            self._older[old.number] = old
            self._begin(generations, self._policy.leaving(trio.current_time()))
        else:
            old.end(f"the server announced its leaving: {reason}")

    def _lost(self, generations: trio.Nursery, outcome: Outcome) -> None:
        assert self._current is not None
        number = self._current.number
        if isinstance(outcome.cause, Replaced):
            self._policy.ran(outcome)
            begin = self._policy.leaving(outcome.ended_at)
        else:
            begin = self._policy.ended(outcome, herd=outcome.was_run and connect_governor().lost())
        fields = self._fields(number, cause=self._shown(outcome.cause), again_in=round(begin.delay, 2))
        if isinstance(outcome.cause, PeerStarting) and isinstance(self._last_error, PeerStarting):
            logger.debug("still starting", extra=fields)
        elif not isinstance(outcome.cause, BridgeError):
            logger.error("a connection failed unexpectedly", exc_info=outcome.cause, extra=fields)
        elif outcome.refusal is not None and self._waits_for_the_same(outcome.refusal):
            logger.debug("still refused", extra=fields)
        elif outcome.refusal is not None:
            logger.error("refused", extra=fields)
        elif outcome.was_run:
            logger.info("lost", extra=fields)
        else:
            logger.log(self._weight_of(outcome.cause), "not connected", extra={**fields, "attempt": self.attempt})
        self._note(outcome)
        self._begin(generations, begin)

    def _waits_for_the_same(self, refusal: AccountRefused) -> bool:
        """Whether a person was told what to approve, and has not done it so far: that is asked every few seconds."""
        return refusal.kind == "pairing" and str(refusal) == str(self.refusal)

    def _weight_of(self, cause: BaseException) -> int:
        """How much one more attempt says that failed: little, where it failed like the last ones."""
        news = self.attempt <= TOLD_AT_FIRST or self.attempt % TOLD_EVERY == 0 or str(cause) != str(self._last_error)
        return logging.INFO if news else logging.DEBUG

    def _note(self, outcome: Outcome) -> None:
        self.refusal = outcome.refusal
        cause = outcome.cause
        if isinstance(cause, (Replaced, Stopped)):
            return
        if not isinstance(cause, BridgeError):
            cause = BridgeError(f"{type(cause).__name__} in the connection: see the log")
        step = self._workshop.platform.step if outcome.ready_at is None else STREAM
        self.trouble = Trouble(cause, outcome.ended_at, step)
        if self.failing_since is None:
            self.failing_since = outcome.ended_at

    @property
    def _last_error(self) -> BridgeError | None:
        return None if self.trouble is None else self.trouble.error

    def _begin(self, generations: trio.Nursery, begin: Begin) -> None:
        generation = Generation(self._workshop, begin, None if self._current is None else self._current.tried)
        self._current = generation
        self.attempt += 1
        generations.start_soon(self._run, generation, name=f"{self._workshop.config.name}/generation")

    async def _run(self, generation: Generation) -> None:
        self._running.add(generation)
        try:
            await generation.run()
        finally:
            self._running.discard(generation)

    def _is_current(self, number: int) -> bool:
        return self._current is not None and self._current.number == number

    def _shown(self, cause: BaseException) -> str:
        return f"{type(cause).__name__}: {cause}"

    def _fields(self, generation: int, **fields: object) -> dict[str, object]:
        return {**self._workshop.config.labels, "generation": generation, **fields}

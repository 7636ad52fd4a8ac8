"""When to try again. A plain object: news in, decision out; no clock, no waiting.

1. Full jitter, drawn after the cap. A server's hint is a floor.
2. The count of failures starts afresh only after a connection was ready for a minute and heard something since:
   a gateway that accepts and drops us would otherwise make a hot loop.
3. Many ended runs in a short time (flapping) pin the delay at its cap; many short runs without a single
   delivery (stalled) slow it down to a probe.
4. A refusal waits for other credentials or an operator, and is probed once an hour.
5. A server that announces its leaving is followed at once, but only once a minute.
6. A server that is starting is asked again when it says, and that is no failure; not for ever.
7. A server may have wishes about returns: that clients spread out, or that they come back within some time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import attrs

from ..config import AccountConfig
from ..errors import AccountRefused, PeerStarting
from .states import Alarm, Outcome, Phase

PROVEN_AFTER = 60.0
"""Seconds of being ready, with something heard, after which failures are forgotten."""
FLAPPING_RUNS = 10
FLAPPING_WINDOW = 300.0
"""More than 10 ended runs in 5 minutes is flapping."""
IMMEDIATE_EVERY = 60.0
"""At most one reconnect without any delay in this many seconds."""
LONGEST_HINT = 86_400.0
"""A server may ask for a day of patience and no more: 82,721 s have been seen in the field."""
STARTING_DELAYS = (0.25, 10.0)
"""Between two attempts at a server that is starting: what it asks for, within these bounds."""
STARTING_TRIES = 100
"""A server that has been starting for so many attempts is treated like one that fails."""
STANDBY_DELAY = 60.0
PAIRING_DELAY = 15.0
HERD_SPREAD = 15.0
"""When many accounts lose their connection together, the first attempts are spread over this many seconds."""


@attrs.frozen
class Begin:
    """Begin the next generation; its connection waits ``delay`` seconds first."""

    delay: float
    phase: Phase = "waiting"
    """What the account is called while it waits."""


@attrs.frozen(kw_only=True)
class ReturnWishes:
    """What a server asked of clients that lost it, for as long as it says nothing else."""

    spread: float = 0.0
    """After a connection was lost, the first attempt comes by chance within so many seconds."""
    cap: float = float("inf")
    """The longest that a delay between two attempts should be."""
    tries: int | None = None
    """After so many failures in a row it wants to be left alone for ``rest`` seconds. ``None``: never."""
    rest: float = 0.0


NO_WISHES = ReturnWishes()


def honour_hint(delay: float, hint: float | None, rand: Callable[[], float]) -> float:
    """The delay with a server's hint as its floor, spread by up to a fifth so that clients don't return in step."""
    if hint is None or not hint >= 0:
        return delay
    hint = min(hint, LONGEST_HINT)
    return max(delay, min(hint * (1 + 0.2 * rand()), LONGEST_HINT))


class RestartPolicy:
    """One account's memory of how its connections went."""

    def __init__(
        self,
        config: AccountConfig,
        rand: Callable[[], float],
        wishes: Callable[[], ReturnWishes] = lambda: NO_WISHES,
    ) -> None:
        self._config = config
        self._rand = rand
        self._wishes = wishes
        self._failures = 0
        self._ended_runs: deque[float] = deque(maxlen=FLAPPING_RUNS + 1)
        self._short_runs = 0
        self._starting = 0
        self._last_immediate = -IMMEDIATE_EVERY
        self.alarms: set[Alarm] = set()

    def ended(self, outcome: Outcome, *, herd: bool = False) -> Begin:
        """What to do after a connection ended or did not come to be."""
        if outcome.ready_for >= PROVEN_AFTER and outcome.heard:
            self.proven()
        self.ran(outcome)
        if (refusal := outcome.refusal) is not None:
            return self._refused(refusal)
        self.alarms.discard(Alarm.PAIRING_REQUIRED)
        hint = getattr(outcome.cause, "retry_after", None)
        if isinstance(outcome.cause, PeerStarting) and self._starting < STARTING_TRIES:
            self._starting += 1
            shortest, longest = STARTING_DELAYS
            return Begin(min(max(shortest, honour_hint(shortest, hint, self._rand)), longest))
        self._starting = 0
        if Alarm.STALLED in self.alarms:
            if self._config.stall_probe is None:
                return Begin(float("inf"), "parked")
            return Begin(honour_hint(self._config.stall_probe * (0.9 + 0.2 * self._rand()), hint, self._rand))
        delay = self._next_delay()
        if outcome.was_run:
            delay = max(delay, self._wishes().spread * self._rand())
        if herd:
            delay = max(delay, HERD_SPREAD * self._rand())
        return Begin(honour_hint(delay, hint, self._rand))

    def ran(self, outcome: Outcome) -> None:
        """A connection ended, for whatever reason: count it, if it was a run."""
        if not outcome.was_run:
            return
        self._ended_runs.append(outcome.ended_at)
        window = outcome.ended_at - self._ended_runs[0]
        if len(self._ended_runs) > FLAPPING_RUNS and window <= FLAPPING_WINDOW:
            self.alarms.add(Alarm.FLAPPING)
        if outcome.deliveries or outcome.ready_for >= self._config.stall_seconds:
            self.fed()
        else:
            self._short_runs += 1
            if self._short_runs >= self._config.stall_runs:
                self.alarms.add(Alarm.STALLED)

    def leaving(self, now: float) -> Begin:
        """What to do when the server announced its leaving: the next connection comes before the end of this one."""
        if now - self._last_immediate >= IMMEDIATE_EVERY and not self.alarms:
            self._last_immediate = now
            return Begin(0.0)
        # An announced leave is no failure, so it does not lengthen later delays; flapping does that if it goes on.
        backoff = self._config.backoff
        return Begin(backoff.delay(64 if self.alarms else 0, self._rand))

    def fed(self) -> None:
        """A delivery arrived: whatever else is wrong, the platform does serve us."""
        self._short_runs = 0
        self.alarms.discard(Alarm.STALLED)

    def ready(self) -> None:
        """The platform accepted us."""
        self.alarms.discard(Alarm.PAIRING_REQUIRED)

    def proven(self) -> None:
        """A connection held for a minute: forget the failures."""
        self._failures = 0
        self._short_runs = 0
        self._ended_runs.clear()
        self.alarms -= {Alarm.FLAPPING, Alarm.STALLED}

    def forgive(self) -> None:
        """An operator acted, or the credentials changed: start afresh."""
        self.proven()
        self._last_immediate = -IMMEDIATE_EVERY

    def _next_delay(self) -> float:
        backoff = self._config.backoff
        if Alarm.FLAPPING in self.alarms:
            return backoff.delay(64, self._rand)
        wishes = self._wishes()
        delay = min(backoff.delay(self._failures, self._rand), wishes.cap)
        self._failures += 1
        if wishes.tries is not None and self._failures % max(wishes.tries, 1) == 0:
            delay = max(delay, wishes.rest)
        return delay

    def _refused(self, refusal: AccountRefused) -> Begin:
        hint = refusal.retry_after
        match refusal.kind:
            case "limited":
                return Begin(honour_hint(STANDBY_DELAY * (1 + 0.1 * self._rand()), hint, self._rand), "standby")
            case "pairing":
                self.alarms.add(Alarm.PAIRING_REQUIRED)
                return Begin(honour_hint(PAIRING_DELAY, hint, self._rand))
            case _:
                probe = self._config.refused_probe if refusal.probe is None else refusal.probe
                return Begin(honour_hint(probe, hint, self._rand), "quarantined")

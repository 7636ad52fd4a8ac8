"""How long to wait before trying again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import attrs


@attrs.frozen(kw_only=True)
class Backoff:
    """The delay before each new attempt, in seconds: full jitter, drawn after the cap.

    Full jitter disperses clients that were cut off together; a floor keeps a lucky draw from hammering.
    """

    first: float = attrs.field(default=1.0, validator=attrs.validators.gt(0))
    factor: float = attrs.field(default=2.0, validator=attrs.validators.ge(1))
    cap: float = attrs.field(default=60.0, validator=attrs.validators.gt(0))
    floor: float = attrs.field(default=0.25, validator=attrs.validators.ge(0))

    def delay(self, attempt: int, rand: Callable[[], float] = random.random) -> float:
        """The delay before attempt number ``attempt``, counted from 0."""
        return max(self.floor, self.ceiling(attempt) * rand())

    def ceiling(self, attempt: int) -> float:
        """The longest delay that ``attempt`` can draw."""
        # The exponent is bounded first: 2.0 ** 2000 overflows, and an account may fail for weeks.
        return min(self.cap, self.first * self.factor ** min(attempt, 64))

    def delays(self, rand: Callable[[], float] = random.random) -> Iterator[float]:
        """The delays of a run of failures, one after another, without end."""
        attempt = 0
        while True:
            yield self.delay(attempt, rand)
            attempt += 1

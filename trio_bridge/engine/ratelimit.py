"""A token bucket over Trio's clock."""

from __future__ import annotations

import trio


class TokenBucket:
    """Lets ``rate`` takers a second through, and ``burst`` at once after a quiet time."""

    def __init__(self, rate: float, burst: int) -> None:
        self._interval = 1.0 / rate
        self._burst = burst
        self._full_at = float("-inf")

    async def take(self) -> None:
        """Wait for a token. Takers are served in the order of their calls. A checkpoint."""
        now = trio.current_time()
        # The bucket is described by the one moment when it will be full again: each token moves it on.
        self._full_at = max(self._full_at, now) + self._interval
        await trio.sleep_until(self._full_at - self._burst * self._interval)

    def rest(self, seconds: float) -> None:
        """Let nobody else through for so long: whoever is on the other side counted more takers than this bucket."""
        self._full_at = max(self._full_at, trio.current_time() + seconds + (self._burst - 1) * self._interval)

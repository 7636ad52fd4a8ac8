"""How many calls the server takes: so many of a kind a second from one, and so many a month from all."""

from __future__ import annotations

from collections import deque

SECOND = 1.0
"""The window of the limits per second."""


class Limits:
    """Counts calls. Who asks says what the limit is: rules may change."""

    def __init__(self) -> None:
        self.counted = 0
        """Calls that count against the month's quota. Set it to 0 and a new month has begun."""
        self._recent: dict[tuple[str, str], deque[float]] = {}

    def use_quota(self, quota: int | None) -> bool:
        """Count a call of the month; False if it is one too many."""
        if quota is not None and self.counted >= quota:
            return False
        self.counted += 1
        return True

    def use_second(self, who: str, kind: str, qps: int | None, now: float) -> bool:
        """Count a call of a kind by somebody; False if it is one too many within a second."""
        recent = self._recent.setdefault((who, kind), deque())
        while recent and recent[0] <= now - SECOND:
            recent.popleft()
        if qps is not None and len(recent) >= qps:
            return False
        recent.append(now)
        return True

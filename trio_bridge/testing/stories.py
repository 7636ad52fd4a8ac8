"""What the stories of all platforms are told with."""

from __future__ import annotations

EXCERPT = 60
"""Characters of what a message says."""
TIMES = ("never", "once", "twice")


def excerpt(words: str) -> str:
    """The beginning of a longer text."""
    return words if len(words) <= EXCERPT else f"{words[: EXCERPT - 1]}…"


def times(count: int) -> str:
    """How often, in words."""
    return TIMES[count] if count < len(TIMES) else f"{count} times"

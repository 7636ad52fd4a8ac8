"""What was claimed for a worker, and then is in its hands."""

from __future__ import annotations

import attrs

from .store import Claim


@attrs.define(eq=False)
class Held:
    """A delivery that was claimed. Times by :func:`trio.current_time`."""

    claim: Claim
    lane: str
    claimed_at: float
    taken_at: float = 0.0
    """When a worker took it in hand."""
    marked: bool = False
    """The completion is committed, or refused because the claim was revoked."""
    let_go: bool = False
    """The worker is through with it."""
    revoked: bool = False
    """Taken away from a worker that ignored its cancellation."""
    lane_free: bool = False
    """The lane may be taken from in the same round that marks this."""
    returns: bool = False
    """It goes back to the head of its lane, not before ``returns_at``."""
    returns_at: float | None = None

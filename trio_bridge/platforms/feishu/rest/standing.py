"""How the app stands with Feishu, as its answers told: throttled, out of calls, without a scope."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any, Final

import attrs
import trio

from .codes import Outcome

BETWEEN_COMPLAINTS: Final = 3600.0
"""Seconds between two lines in the log about the same trouble."""

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class Standing:
    """What answers said that concerns whoever looks after the app. Times by Trio's clock."""

    _labels: Mapping[str, Any] = attrs.field(factory=dict)
    throttles: int = 0
    """How often Feishu asked for patience."""
    throttled_at: float | None = None
    """When it last did."""
    quota_gone_at: float | None = None
    """When Feishu last said that the calls of the month are used up; ``None``: it never did."""
    missing_scopes: tuple[str, ...] = ()
    """What the app would have needed in the last call that it was not allowed."""
    _complained_at: dict[str, float] = attrs.field(factory=dict)

    def note(self, outcome: Outcome) -> Outcome:
        """The same outcome, heeded."""
        now = trio.current_time()
        if outcome.category == "throttled":
            self.throttles += 1
            self.throttled_at = now
        elif outcome.category == "quota":
            self.quota_gone_at = now
            self._complain("the calls of the month are used up", outcome)
        elif outcome.category == "permission":
            self.missing_scopes = outcome.scopes
            self._complain("the app lacks a scope", outcome)
        return outcome

    def _complain(self, trouble: str, outcome: Outcome) -> None:
        about = f"{trouble} {outcome.route}"
        now = trio.current_time()
        if now - self._complained_at.get(about, -math.inf) < BETWEEN_COMPLAINTS:
            return
        self._complained_at[about] = now
        fields = {"code": outcome.code, "route": outcome.route, "scopes": list(outcome.scopes)}
        logger.error(trouble, extra={**self._labels, **fields})

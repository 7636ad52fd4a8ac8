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
    _missing: dict[str, tuple[str, ...]] = attrs.field(factory=dict)
    """The scopes that the app lacked, by the route of the call."""
    _complained_at: dict[str, float] = attrs.field(factory=dict)

    @property
    def missing_scopes(self) -> tuple[str, ...]:
        """What the app lacks, as far as calls were refused for it and not allowed since. One of several may do."""
        return tuple(dict.fromkeys(scope for scopes in self._missing.values() for scope in scopes))

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
            self._missing[outcome.route] = outcome.scopes
            self._complain("the app lacks a scope", outcome)
        elif outcome.category == "ok":
            self._missing.pop(outcome.route, None)
        return outcome

    def _complain(self, trouble: str, outcome: Outcome) -> None:
        about = f"{trouble} {outcome.route}"
        now = trio.current_time()
        if now - self._complained_at.get(about, -math.inf) < BETWEEN_COMPLAINTS:
            return
        self._complained_at[about] = now
        fields = {"code": outcome.code, "route": outcome.route, "scopes": list(outcome.scopes)}
        logger.error(trouble, extra={**self._labels, **fields})

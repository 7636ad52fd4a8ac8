"""Complaints to the log about calls: each kind is told once, and then how often, not as often as a stranger likes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

import attrs
import trio

EVERY: Final = 60.0
"""Seconds between two lines about the same thing."""


@attrs.define
class _Kind:
    told_at: float = -EVERY
    untold: int = 0


@attrs.define
class Complaints:
    """What was complained of. Callers choose among few reasons."""

    _logger: logging.Logger
    _labels: Mapping[str, Any]
    _kinds: dict[tuple[str, str], _Kind] = attrs.field(factory=dict, init=False)

    def tell(self, what: str, status: int, reason: str) -> None:
        """Say in the log what was answered to a call, and why."""
        kind = self._kinds.setdefault((what, reason), _Kind())
        now = trio.current_time()
        if now - kind.told_at < EVERY:
            kind.untold += 1
            return
        fields = {**self._labels, "status": status, "reason": reason}
        self._logger.warning(what, extra={**fields, "untold": kind.untold} if kind.untold else fields)
        kind.told_at, kind.untold = now, 0

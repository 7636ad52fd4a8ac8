"""What happened to an account, minute by minute, for whoever reads the log."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import attrs

from .statistics import Counters

logger = logging.getLogger(__name__)


class Minutes:
    """Says in one line what was counted since the last one. Where nothing was, there is no line."""

    def __init__(self, counters: Counters, labels: Mapping[str, Any]) -> None:
        self._counters = counters
        self._labels = labels
        self._told = attrs.asdict(counters)

    def tell(self) -> None:
        """A minute is over."""
        counted = attrs.asdict(self._counters)
        news = {name: count - self._told[name] for name, count in counted.items() if count != self._told[name]}
        self._told = counted
        if news:
            logger.info("in the last minute", extra={**self._labels, **news})

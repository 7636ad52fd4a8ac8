"""Times that Feishu tells, as moments."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from ....wire.jsontext import word
from .envelope import milliseconds

_MOST: Final = 253_402_300_800_000
"""The year 10000, in milliseconds since the epoch: no :class:`~datetime.datetime` can say it."""


def moment(value: Any) -> datetime | None:
    """A time, whatever its unit; ``None`` where it is none."""
    ms = milliseconds(word(value))
    return datetime.fromtimestamp(ms / 1000, UTC) if ms is not None and ms < _MOST else None

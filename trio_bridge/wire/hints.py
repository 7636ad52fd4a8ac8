"""Servers say how long to wait: in seconds, or until a date."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

LONGEST = 86_400.0
"""A server that asks for more than a day is not believed: it is asked again after a day."""

_SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?")


def retry_after(value: object, *, now: float) -> float | None:
    """The seconds to wait, between 0 and a day; ``None`` for what is no hint: negative, garbage.

    ``value`` is a number of seconds, or a ``Retry-After`` header (RFC 9110 §10.2.3: seconds or an HTTP date; fractions
    are not in the standard and are sent nevertheless). ``now`` is the wall clock that a date is compared with.
    """
    seconds: float
    match value:
        case bool():
            return None
        case int() | float():
            seconds = value
        case str() if _SECONDS.fullmatch(value.strip()):
            seconds = float(value)
        case str() if (at := date_of(value)) is not None:
            seconds = max(at - now, 0.0)
        case _:
            return None
    return float(min(seconds, LONGEST)) if seconds >= 0 else None  # NaN is not


def date_of(text: str) -> float | None:
    """The seconds since the epoch that an HTTP date means."""
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # a year that no clock can show
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

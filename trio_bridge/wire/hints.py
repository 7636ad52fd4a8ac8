"""Servers say how long to wait: in seconds, or until a date."""

from __future__ import annotations

import math
import re
from datetime import UTC
from email.utils import parsedate_to_datetime

LONGEST = 86_400.0
"""A server that asks for more than a day is not believed: it is asked again after a day."""

_SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?")


def retry_after(value: object, *, now: float) -> float | None:
    """The seconds to wait, between 0 and a day; ``None`` for what is not a hint: negative, not finite, garbage.

    ``value`` is a number of seconds, or a ``Retry-After`` header (RFC 9110 §10.2.3: seconds or an HTTP date; fractions
    are not in the standard and are sent nevertheless). ``now`` is the wall clock that a date is compared with.
    """
    match value:
        case bool():
            return None
        case int() | float():
            seconds = float(min(value, LONGEST))
        case str() if _SECONDS.fullmatch(value.strip()):
            seconds = float(value)
        case str():
            at = date_of(value)
            if at is None:
                return None
            return min(max(at - now, 0.0), LONGEST)
        case _:
            return None
    return min(seconds, LONGEST) if math.isfinite(seconds) and seconds >= 0 else None


def date_of(text: str) -> float | None:
    """The seconds since the epoch that an HTTP date means."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

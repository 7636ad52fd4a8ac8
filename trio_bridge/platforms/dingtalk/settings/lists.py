"""Lists of ids and names, as people write them."""

from __future__ import annotations

from collections.abc import Iterable


def texts(values: Iterable[str | int]) -> tuple[str, ...]:
    """Ids and names, in order. A single string is a list of one, not a list of letters."""
    return (values,) if isinstance(values, str) else tuple(str(value) for value in values)

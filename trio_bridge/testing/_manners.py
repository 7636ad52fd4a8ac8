"""What a simulator does otherwise for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def changed(manners: Any, **values: Any) -> Iterator[None]:
    """Within the block the attributes have these values; behind it those that they had before."""
    before = {name: getattr(manners, name) for name in values}
    for name, value in values.items():
        setattr(manners, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(manners, name, value)

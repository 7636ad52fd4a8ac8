"""JSON as it should be: what has another shape is as good as absent. Nothing here raises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .envelope import NOBODY


def as_object(value: Any) -> Mapping[str, Any]:
    """An object; an empty one for everything else."""
    return value if isinstance(value, dict) else NOBODY


def as_objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """The objects of a list."""
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())

"""Answers of the gateway, each member read as what it should be.

1. A member that nobody asks for is passed over: gateways grow.
2. What a result can't do without has to be there and be what it should be, or the answer is unreadable.
3. Every other member is ``None``, or empty, where it is missing or is something else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from ...errors import RemoteProtocolError

MILLISECONDS: Final = 1000
"""A gateway's clock counts them; ours counts seconds."""
FAR_AWAY_MS: Final = 10**15
"""No clock shows this: it is 30,000 years away."""


class Unreadable(RemoteProtocolError):
    """An answer that is not what it should be. It names the member, and who asked adds the method."""


@attrs.frozen
class Fields:
    """An object of an answer. Its methods read one member each."""

    raw: Mapping[str, Any] = attrs.field(repr=False)
    place: str = ""
    """Where it stands in the answer: ``sessions[3]``."""

    @classmethod
    def of(cls, value: Any, place: str = "") -> Fields:
        """The object; what was read already stays as it is.

        Raises:
          Unreadable: it is none.
        """
        if isinstance(value, Fields):
            return value
        if not isinstance(value, Mapping):
            raise Unreadable(f"{place or 'the payload'} is {_kind(value)}, not an object")
        return cls(value, place)

    # What must be there

    def need(self, name: str) -> str:
        """A text that is not empty.

        Raises:
          Unreadable: there is none.
        """
        value = self.raw.get(name)
        if not isinstance(value, str) or not value:
            raise Unreadable(f"{self._place_of(name)} is {_kind(value)}, not a text")
        return value

    def need_object(self, name: str) -> Fields:
        """An object.

        Raises:
          Unreadable: there is none.
        """
        return Fields.of(self.raw.get(name), self._place_of(name))

    def need_objects(self, name: str) -> Iterator[Fields]:
        """The objects of a list.

        Raises:
          Unreadable: there is no list, or something else in it.
        """
        return objects(self.raw.get(name), self._place_of(name))

    # What may be there

    def text(self, name: str) -> str:
        """A text; empty where there is none."""
        value = self.raw.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> float | None:
        """A number."""
        value = self.raw.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        try:
            return float(value) if math.isfinite(value) else None
        except OverflowError:  # an integer can have any number of digits
            return None

    def whole(self, name: str) -> int | None:
        """A whole number."""
        value = self.number(name)
        return int(value) if value is not None and value.is_integer() else None

    def flag(self, name: str) -> bool | None:
        """A yes or a no."""
        value = self.raw.get(name)
        return value if isinstance(value, bool) else None

    def moment(self, name: str) -> float | None:
        """A point in time, in seconds since the epoch. It came as milliseconds, or as ISO 8601."""
        milliseconds = self.number(name)
        if milliseconds is not None:
            return milliseconds / MILLISECONDS
        try:
            then = datetime.fromisoformat(self.text(name))
        except ValueError:
            return None
        return None if then.tzinfo is None else then.timestamp()

    def texts(self, name: str) -> tuple[str, ...]:
        """The texts of a list."""
        value = self.raw.get(name)
        return tuple(each for each in value if isinstance(each, str)) if isinstance(value, list) else ()

    def objects(self, name: str) -> Iterator[Fields]:
        """The objects of a list."""
        value = self.raw.get(name)
        held = value if isinstance(value, list) else []
        return (Fields(each, self._place_of(name)) for each in held if isinstance(each, Mapping))

    def inner(self, name: str) -> Fields:
        """An object; an empty one where there is none."""
        value = self.raw.get(name)
        return Fields(value if isinstance(value, Mapping) else {}, self._place_of(name))

    def _place_of(self, name: str) -> str:
        return f"{self.place}.{name}" if self.place else name


def objects(value: Any, place: str = "the payload") -> Iterator[Fields]:
    """The objects of a list.

    Raises:
      Unreadable: it is no list, or something else is in it.
    """
    if not isinstance(value, list):
        raise Unreadable(f"{place} is {_kind(value)}, not a list")
    return (Fields.of(each, f"{place}[{index}]") for index, each in enumerate(value))


def _kind(value: Any) -> str:
    """What a value is, in words. The value itself may be what somebody wrote, and is not told."""
    match value:
        case None:
            return "missing"
        case "":
            return "empty"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"

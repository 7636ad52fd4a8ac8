"""Parameters of methods: all that are needed, each of its type, and none that is unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .methods import INVALID_REQUEST, Refusal

LONGEST = 2**31 - 1
"""Milliseconds of the longest timer."""

Types = Mapping[str, type]

_NAMES: Mapping[type, str] = {str: "string", int: "integer", bool: "boolean", list: "array", dict: "object"}


@attrs.frozen
class Shape:
    """What the parameters of a method look like."""

    method: str
    required: Types = attrs.field(factory=dict)
    optional: Types = attrs.field(factory=dict)

    def check(self, params: Mapping[str, Any]) -> None:
        """Return if they look so.

        Raises:
          Refusal: they don't; it names everything that is wrong.
        """
        known = {**self.required, **self.optional}
        wrong = [f"must have required property '{name}'" for name in self.required if name not in params]
        wrong += [f"at root: unexpected property '{name}'" for name in params if name not in known]
        wrong += [
            f"at /{name}: must be {_NAMES[kind]}"
            for name, kind in known.items()
            if name in params and not _is(params[name], kind)
        ]
        if wrong:
            raise Refusal(INVALID_REQUEST, f"invalid {self.method} params: {'; '.join(wrong)}")


def milliseconds(params: Mapping[str, Any], name: str, default: int) -> int:
    """A time that a client gives, within what timers can measure."""
    given: int = params.get(name, default)
    return min(max(given, 0), LONGEST)


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))

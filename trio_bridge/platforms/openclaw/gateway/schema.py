"""What parameters must look like, and what the gateway says of those that don't.

The words are those of the validator that the gateway uses: clients show them to people, and tests compare them. The two
releases differ in small things, so every check is told which personality speaks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from .methods import Personality


@attrs.frozen
class Anything:
    """No rule."""

    def faults(self, value: Any, path: str, protocol: Personality) -> list[str]:
        return []


@attrs.frozen
class Constant:
    """One value and no other."""

    value: Any

    def faults(self, value: Any, path: str, protocol: Personality) -> list[str]:
        return [] if value == self.value else [f"at {path}: must be equal to constant"]


@attrs.frozen
class Text:
    """A string of some length, perhaps one of a few."""

    least: int = 0
    one_of: frozenset[str] | None = None

    def faults(self, value: Any, path: str, protocol: Personality) -> list[str]:
        if not isinstance(value, str):
            return [f"at {path}: must be string"]
        if len(value) < self.least:
            never = "NOT" if protocol == 3 else "not"
            return [f"at {path}: must {never} have fewer than {self.least} characters"]
        if self.one_of is not None and value not in self.one_of:
            return [f"at {path}: must be equal to one of the allowed values"]
        return []


@attrs.frozen
class Whole:
    """An integer."""

    least: int | None = None

    def faults(self, value: Any, path: str, protocol: Personality) -> list[str]:
        if not isinstance(value, int) or isinstance(value, bool):
            return [f"at {path}: must be integer"]
        if self.least is not None and value < self.least:
            return [f"at {path}: must be >= {self.least}"]
        return []


@attrs.frozen
class Items:
    """An array."""

    of: Text = attrs.Factory(Text)

    def faults(self, value: Any, path: str, protocol: Personality) -> list[str]:
        if not isinstance(value, list):
            return [f"at {path}: must be array"]
        return [
            fault for index, item in enumerate(value) for fault in self.of.faults(item, f"{path}/{index}", protocol)
        ]


Rule = Anything | Constant | Text | Whole | Items


@attrs.frozen
class Table:
    """An object that has these members and no others."""

    required: Mapping[str, Rule | Table] = attrs.Factory(dict)
    optional: Mapping[str, Rule | Table] = attrs.Factory(dict)

    def faults(self, value: Any, path: str, protocol: Personality) -> list[str]:
        if not isinstance(value, dict):
            return [f"at {path or 'root'}: must be object"]
        at = f"at {path}: " if path else ""
        missing = [f"{at}must have required property '{name}'" for name in self.required if name not in value]
        known = {**self.required, **self.optional}
        return [
            *(missing if protocol == 3 else missing[:1]),
            *(f"at {path or 'root'}: unexpected property '{name}'" for name in value if name not in known),
            *(
                fault
                for name, rule in known.items()
                if name in value
                for fault in rule.faults(value[name], f"{path}/{name}", protocol)
            ),
        ]


def complaint(rule: Table, value: Any, protocol: Personality) -> str:
    """All that is wrong with a value, in one line; empty if nothing is."""
    return "; ".join(rule.faults(value, "", protocol))


def texts(*names: str) -> dict[str, Text]:
    """Members that may be any string."""
    return dict.fromkeys(names, Text())


def one_of(values: Sequence[str]) -> Text:
    """A string that is one of these."""
    return Text(one_of=frozenset(values))

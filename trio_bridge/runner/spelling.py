"""Other spellings of keys, for those who bring a configuration from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .structure import Problem


@attrs.frozen
class Spelling:
    """A table under the names that its keys have here, and what was really written."""

    table: dict[str, Any]
    written: dict[str, str]
    """The key as it was written, by its name, where they differ."""
    problems: list[Problem]

    @classmethod
    def of(cls, table: Mapping[str, Any], aliases: Mapping[str, str]) -> Spelling:
        """``aliases`` are names by other spellings. What is said twice is a problem, also if it says the same."""
        read: dict[str, Any] = {}
        written: dict[str, str] = {}
        problems = []
        for key, value in table.items():
            name = aliases.get(key, key)
            if name in read:
                other = written.get(name, name)
                problems.append(Problem((key,), f"means the same as {other}: only one of them may stand here"))
            elif key != name:
                written[name] = key
            read.setdefault(name, value)
        return cls(read, written, problems)

    def as_written(self, problem: Problem) -> Problem:
        """A problem with the key that a person will look for."""
        match problem.path:
            case (str(name), *rest) if name in self.written:
                return Problem((self.written[name], *rest), problem.text)
        return problem

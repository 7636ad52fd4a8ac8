"""One ``[accounts.NAME]``, with the defaults of its platform under it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from ..config import Secret
from ..engine.platform import PlatformConfig
from ..errors import ConfigError
from .bindings import AgentTable, Binding, table_of
from .spelling import Spelling
from .structure import Misfit, Problem, is_by_name, structure


@attrs.frozen
class AccountTable:
    """What a file says of an account, in its own table and in the defaults."""

    name: str
    cls: type[PlatformConfig]
    own: Spelling
    defaults: Spelling

    @classmethod
    def of(cls, name: str, kind: type[PlatformConfig], own: dict[str, Any], defaults: dict[str, Any]) -> AccountTable:
        return cls(name, kind, Spelling.of(own, kind.aliases), Spelling.of(defaults, kind.aliases))

    def read(self, directory: Path) -> PlatformConfig:
        """The account, if it is complete and its secrets can be read now.

        Raises:
          Misfit: with paths as they are in the file.
        """
        said_twice = [
            *(problem.under("accounts", self.name) for problem in self.own.problems),
            *(problem.under("defaults", self.cls.platform) for problem in self.defaults.problems),
        ]
        try:
            account = structure(
                self._merged(),
                self.cls,
                directory=directory,
                given={"name": self.name},
                elsewhere=("platform", "agent"),
            )
        except Misfit as misfit:
            raise Misfit(said_twice + [self._placed(problem) for problem in misfit.problems]) from None
        unreadable = [self._placed(problem) for problem in _unreadable_secrets(account)]
        if said_twice or (unreadable and account.enabled):
            raise Misfit(said_twice + unreadable)
        return account

    def agent(self, named: set[AgentTable]) -> list[Binding]:
        """The agent that answers here, where the account names one.

        Raises:
          Misfit: it is not there.
        """
        merged = {**self.defaults.table, **self.own.table}
        if "agent" not in merged:
            return []
        try:
            return [Binding(account=self.name, agent=table_of(merged["agent"], named))]
        except Misfit as misfit:
            raise Misfit([self._placed(problem.under("agent")) for problem in misfit.problems]) from None

    def _merged(self) -> dict[str, Any]:
        """The account's own keys over the defaults; in tables of names, name by name and key by key."""
        own, defaults = self.own.table, self.defaults.table
        merged = {**defaults, **own}
        for field in attrs.fields(attrs.resolve_types(self.cls)):
            if is_by_name(field.type) and field.name in defaults and field.name in own:
                merged[field.name] = _over(defaults[field.name], own[field.name], depth=2)
        return merged

    def _placed(self, problem: Problem) -> Problem:
        """A problem where it was written: in the account's own table, or in the defaults."""
        if _is_written(problem.path, self.defaults.table) and not _is_written(problem.path, self.own.table):
            return self.defaults.as_written(problem).under("defaults", self.cls.platform)
        return self.own.as_written(problem).under("accounts", self.name)


def _over(below: object, above: object, *, depth: int) -> object:
    """``above``; where both are tables, with the keys of ``below`` that it has not, down to ``depth``."""
    if not (depth and isinstance(below, dict) and isinstance(above, dict)):
        return above
    both = {key: _over(below[key], above[key], depth=depth - 1) for key in below.keys() & above.keys()}
    return {**below, **above, **both}


def _is_written(path: tuple[str | int, ...], table: object) -> bool:
    """Whether a table says something at a path, or at its beginning what is no table."""
    for key in path:
        if not isinstance(table, dict):
            return True
        if key not in table:
            return False
        table = table[key]
    return bool(path)


def _unreadable_secrets(account: PlatformConfig) -> Iterator[Problem]:
    for field in attrs.fields(type(account)):
        secret = getattr(account, field.name)
        if isinstance(secret, Secret):
            try:
                secret.read()
            except ConfigError as error:
                yield Problem((field.name,), str(error))

"""What holds in one group only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeVar, get_args

import attrs

from ...errors import ConfigError
from ...lists import texts_or_none

SessionScope = Literal["group", "group_sender"]


@attrs.frozen(kw_only=True)
class Group:
    """What one group is told that the other groups of the account are not. What is left out is as everywhere."""

    enabled: bool = True
    """Whether anything is heard there."""
    require_mention: bool | None = None
    """Instead of the account's ``require_mention``."""
    allow_from: tuple[str, ...] | None = attrs.field(default=None, converter=texts_or_none)
    """Who is heard there: ids of people, in any case; ``*`` is everybody, an empty list nobody. Without this key,
    everybody whom the account hears."""
    session_scope: SessionScope | None = attrs.field(
        default=None, validator=attrs.validators.optional(attrs.validators.in_(get_args(SessionScope)))
    )
    """What is one conversation there: the group, or each person in it."""
    system_prompt: str | None = attrs.field(default=None, repr=False)
    """Instead of the account's ``system_prompt``."""


G = TypeVar("G", bound=Group)


def groups_of(cls: type[G], given: Mapping[str, Any]) -> Mapping[str, G]:
    """The groups by their conversation ids, each a ``cls``.

    Raises:
      ConfigError: a mapping among them is none that describes a group.
    """
    problems: list[str] = []
    made = {}
    for conversation_id, group in given.items():
        try:
            made[conversation_id] = group if isinstance(group, cls) else _made(cls, group)
        except ConfigError as error:
            problems += [f"groups.{conversation_id}.{problem}" for problem in error.problems]
    if problems:
        raise ConfigError(*problems)
    return made


def _made(cls: type[G], given: Mapping[str, Any]) -> G:
    if problems := list(_unknown(cls, given)):
        raise ConfigError(*problems)
    try:
        return cls(**given)
    except ConfigError as error:  # of the only converter
        raise ConfigError(*(f"allow_from: {problem}" for problem in error.problems)) from None
    except ValueError as error:  # of a validator, with the attribute and the choices among its arguments
        raise ConfigError(f"{error.args[1].name}: expected one of {', '.join(error.args[2])}") from None


def _unknown(cls: type[Group], given: Mapping[str, Any]) -> Iterator[str]:
    known = attrs.fields_dict(cls)
    for key in given:
        if key not in known:
            yield f"{key}: unknown key; expected one of {', '.join(known)}"

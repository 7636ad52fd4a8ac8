"""Ids and names as people write them: one, or a list of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from .errors import ConfigError

_NO_HOST = re.compile(r"[][\s/@?#]|^[^:]*:[^:]*$")
"""What a URL has and a host has not; an IPv6 address has two colons at least."""

FORMS = 'a list, a text with commas between ("a, b"), or a list as JSON in a text'


def text(value: str | int) -> str:
    """An id or a name. Ids of digits may come as a number.

    Raises:
      ConfigError: it is something else, or has spaces around it, which nobody would see.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ConfigError("expected a string or a whole number")
    said = str(value)
    if said != said.strip():
        raise ConfigError(f"expected no space at the beginning or end of {json.dumps(said[:40], ensure_ascii=False)}")
    return said


def text_or_none(value: str | int | None) -> str | None:
    """The same where nothing has to be said."""
    return None if value is None else text(value)


def texts(values: str | Iterable[str | int]) -> tuple[str, ...]:
    """Ids and names, in order: a list, ``"a, b"`` or ``'["a", "b"]'``. Around a comma there may be spaces.

    Raises:
      ConfigError: it is something else, or one of them is.
    """
    return tuple(text(value) for value in unfolded(values))


def texts_or_none(values: str | Iterable[str | int] | None) -> tuple[str, ...] | None:
    """The same where nothing has to be said."""
    return None if values is None else texts(values)


def hosts(values: str | Iterable[str | int]) -> tuple[str, ...]:
    """Names of hosts, in the lower case that they are compared in.

    Raises:
      ConfigError: one of them is none, as a URL or a host with its port, which would never be equal to one.
    """
    named = tuple(host.lower() for host in texts(values))
    for host in named:
        if _NO_HOST.search(host):
            shown = json.dumps(host[:40], ensure_ascii=False)
            raise ConfigError(f'expected the name of a host without scheme, port and path ("example.com"), not {shown}')
    return named


def verbatim(values: str | Iterable[str]) -> tuple[str, ...]:
    """Texts in which a comma means a comma. A single one is a list of one, not a list of letters."""
    return (values,) if isinstance(values, str) else tuple(values)


def unfolded(values: Any) -> list[Any]:
    """The members of a list, in whatever form it was written. They are not looked at.

    Raises:
      ConfigError: it is no list.
    """
    if not isinstance(values, str):
        if isinstance(values, bytes | dict) or not isinstance(values, Iterable):
            raise ConfigError(f"expected {FORMS}")
        return list(values)
    if not values.lstrip().startswith("["):
        return [piece.strip() for piece in values.split(",") if piece.strip()]
    try:
        listed = json.loads(values)
    except (ValueError, RecursionError):
        raise ConfigError("expected a list as JSON: it begins with [ and can't be read") from None
    return list(listed)

"""Somebody, by the ids that Feishu has for people and bots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from ....wire.jsontext import word

FEISHUS: Final = frozenset({"ou_", "on_"})
"""How ids begin that Feishu gives."""


@attrs.frozen
class Person:
    """Somebody, by up to three ids. Each is empty where Feishu does not tell it."""

    open_id: str = ""
    """``ou_…``: means the same person to this app only. Another app has another one."""
    union_id: str = ""
    """``on_…``: the same in all apps of one developer."""
    user_id: str = ""
    """The id inside the company; Feishu tells it to apps that have a permission for it."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Those that there are, the open id first."""
        return tuple(filter(None, (self.open_id, self.union_id, self.user_id)))


def read_person(ids: Mapping[str, Any]) -> Person:
    """Whom an object with ids names. Raises nothing.

    A user id is what a company chooses. One that looks like the id of somebody else names nobody.
    """
    user_id = word(ids.get("user_id"))
    own = "" if user_id[:3].lower() in FEISHUS else user_id
    return Person(word(ids.get("open_id")), word(ids.get("union_id")), own)

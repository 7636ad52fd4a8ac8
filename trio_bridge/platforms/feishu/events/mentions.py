"""Mentions: who they name, and what stands for them in the text.

1. In a text stands a key, ``@_user_1``, and beside it a list says who that is. Keys are whole: ``@_user_1`` is no part
   of ``@_user_11``. One that the list does not have stays as it was typed.
2. The bot is known by its open id: that somebody is *a* bot says nothing.
3. A mention of the bot goes, with one space behind it where none is missed: at the beginning, or after another space.
   All other white space within a text stays as it is. It may be code.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from ....wire.jsontext import word
from .person import Person, read_person
from .shapes import as_object, as_objects

EVERYBODY: Final = "@_all"

NAME: Final = 100
"""Characters of a name: a text may hold its key as often as it likes."""

BOT: Final = "\udcff"
"""Stands for the bot until its text is whole. A lone surrogate: no text that was read holds any."""

_KEY = re.compile(rf"@_user_\d+|{EVERYBODY}(?![A-Za-z0-9_])")
_BOT = re.compile(rf"(?:^|(?<=\s)){BOT}[ \u00a0]?|{BOT}")


@attrs.frozen
class Mention:
    """Somebody whom a message mentions."""

    key: str
    """What stood in the text: ``@_user_1``."""
    person: Person
    name: str
    is_bot: bool
    """Whether it is the bot that got the message; of other bots nothing tells that they are some."""


class Mentions:
    """The mentions of one message. Reading its text may find more of them."""

    __slots__ = ("_shown", "bot", "bot_open_id", "everybody", "people")

    def __init__(self, listed: Any, bot_open_id: str) -> None:
        """``listed`` is what the message says of its mentions; without ``bot_open_id`` nobody is the bot."""
        self.bot_open_id = bot_open_id
        self.bot = False
        """The bot is among them."""
        self.everybody = False
        """Everybody in the group is meant."""
        self.people: list[Mention] = []
        self._shown: dict[str, str] = {}
        if listed:
            for entry in as_objects(listed):
                self._note(entry)

    def _note(self, entry: Mapping[str, Any]) -> None:
        key, name = word(entry.get("key")), word(entry.get("name"))[:NAME]
        person = read_person(as_object(entry.get("id")))
        if key == EVERYBODY or person.user_id == "all":
            self.everybody = True
            return
        is_bot = self.is_bot(person.open_id)
        self.bot = self.bot or is_bot
        self.people.append(Mention(key, person, name, is_bot))
        self._shown[key] = BOT if is_bot else f"@{name}" if name else key

    def is_bot(self, open_id: str) -> bool:
        return open_id == self.bot_open_id != ""

    def resolved(self, text: str) -> str:
        """The text with names in place of keys, and :data:`BOT` in place of the bot."""
        return _KEY.sub(self._named, text) if "@_" in text else text

    def _named(self, found: re.Match[str]) -> str:
        key = found[0]
        if key == EVERYBODY:
            return self._everyone()
        return self._shown.get(key, key)

    def at(self, who: str, name: str) -> str:
        """The same for a mention that stands by itself: by a key, or by an open id and a name."""
        if who in (EVERYBODY, "all"):
            return self._everyone()
        if self.is_bot(who):
            self.bot = True
            return BOT
        shown = self._shown.get(who, who)
        return shown if shown != who else f"@{name or who.removeprefix('@')}"

    def _everyone(self) -> str:
        self.everybody = True
        return "@all"


def without_bot(text: str) -> str:
    """A whole text without the bot's mentions, and without white space at its ends."""
    return (_BOT.sub("", text) if BOT in text else text).strip()

"""Who is there and where they talk: apps, people with another open id in each app, chats. No I/O and no clock.

Rules, as the platform keeps them:

1. A person has one union id and one user id, and in each app an open id of its own. An id that was learned in one app
   is refused to another.
2. Each person has one direct chat with each bot. Every other chat is a group.
3. Whoever is not known yet comes into being where they are first named: an ``ou_…`` that nobody has is a person of that
   app, an ``on_…`` a person, an ``oc_…`` a group. ``nobody`` names those that don't.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Literal

import attrs

from .model import App, Refused

ChatKind = Literal["p2p", "group", "topic_group"]

CROSS_APP = 99992361
INVALID_RECEIVER = 230001
NOT_IN_CHAT = 230002
OUT_OF_REACH = 230013


@attrs.frozen
class Person:
    """Somebody who uses the platform."""

    union_id: str
    user_id: str


@attrs.frozen
class Chat:
    """Where people and bots talk. ``app_id`` and ``person`` are whose it is, where it is direct."""

    id: str
    kind: ChatKind
    app_id: str = ""
    person: Person | None = None


class Directory:
    """Everybody, and every chat."""

    def __init__(self) -> None:
        self.apps: dict[str, App] = {}
        """By their ids."""
        self.nobody: set[str] = set()
        """Ids that no person and no chat has."""
        self.unavailable: set[str] = set()
        """Open ids of people to whom the bot's app is not available."""
        self.closed_chats: set[str] = set()
        """Chats that no bot is in."""
        self._chats: dict[str, Chat] = {}
        self._everybody: dict[str, Person] = {}
        self._people: dict[str, tuple[str, Person]] = {}
        self._open_ids: dict[tuple[str, str], str] = {}

    def add_app(self, app_id: str, app_secret: str, name: str = "") -> App:
        """Know these credentials. An app that is known gets a new secret; its bot stays who it is."""
        bot = f"ou_{_digits(app_id, 'bot')}"
        app = self.apps[app_id] = App(app_id, app_secret, bot, name or f"bot of {app_id}")
        return app

    def remove_app(self, app_id: str) -> None:
        """Know these credentials no more."""
        del self.apps[app_id]

    # People.

    def person(self, app_id: str, open_id: str) -> Person:
        """Whose open id this is in the app.

        Raises:
          Refused: it is another app's, or nobody's.
        """
        if open_id in self.nobody or not open_id.startswith("ou_"):
            raise Refused(INVALID_RECEIVER, "invalid receive_id")
        home, person = self._people.get(open_id, (app_id, None))
        if home != app_id:
            raise Refused(CROSS_APP, "open_id cross app")
        if person is None:
            person = self._new_person(f"on_{_digits(open_id)}")
            self._know(app_id, open_id, person)
        return person

    def whoever(self, app_id: str, open_id: str) -> Person:
        """Who has this open id in any app: the same person uses many. In this app, if nobody has it yet."""
        known = self._people.get(open_id)
        return known[1] if known else self.person(app_id, open_id)

    def open_id(self, app_id: str, person: Person) -> str:
        """How the app knows this person."""
        known = self._open_ids.get((app_id, person.union_id))
        if known is None:
            known = f"ou_{_digits(app_id, person.union_id)}"
            self._know(app_id, known, person)
        return known

    # Chats.

    def direct_chat(self, app_id: str, person: Person) -> Chat:
        """Where this person and the app's bot talk alone."""
        chat_id = f"oc_{_digits(app_id, person.union_id, 'p2p')}"
        return self._chats.setdefault(chat_id, Chat(chat_id, "p2p", app_id, person))

    def chat(self, chat_id: str, kind: ChatKind = "group") -> Chat:
        """The chat with this id; a group of this kind, if it is new."""
        return self._chats.setdefault(chat_id, Chat(chat_id, kind))

    def chat_for(self, app_id: str, kind: str, receiver: str) -> Chat:
        """The chat of a message that the app's bot sends.

        Raises:
          Refused: there is no such receiver for this bot.
        """
        if kind == "chat_id":
            return self._open_chat(app_id, receiver)
        if kind == "open_id":
            person = self.person(app_id, receiver)
        elif kind in ("union_id", "user_id", "email"):
            person = self._by_other_id(receiver)
        else:
            raise Refused(INVALID_RECEIVER, f"invalid receive_id_type {kind!r}")
        if self.open_id(app_id, person) in self.unavailable:
            raise Refused(OUT_OF_REACH, "Bot has NO availability to this user.")
        return self.direct_chat(app_id, person)

    def _open_chat(self, app_id: str, chat_id: str) -> Chat:
        if chat_id in self.nobody or not chat_id.startswith("oc_"):
            raise Refused(INVALID_RECEIVER, "invalid receive_id")
        chat = self.chat(chat_id)
        if chat_id in self.closed_chats or chat.app_id not in ("", app_id):
            raise Refused(NOT_IN_CHAT, "Bot/User can NOT be out of the chat.")
        return chat

    def _by_other_id(self, value: str) -> Person:
        """The person with this union id, user id or address."""
        for person in self._everybody.values():
            if value in (person.union_id, person.user_id, f"{person.user_id}@example.com"):
                return person
        if value in self.nobody or not value.startswith("on_"):
            raise Refused(INVALID_RECEIVER, "invalid receive_id")
        return self._new_person(value)

    def _new_person(self, union_id: str) -> Person:
        return self._everybody.setdefault(union_id, Person(union_id, _digits(union_id)[:8]))

    def _know(self, app_id: str, open_id: str, person: Person) -> None:
        self._people[open_id] = (app_id, person)
        self._open_ids[app_id, person.union_id] = open_id


def _digits(*parts: str) -> str:
    """The same 32 digits for the same parts, and others for others."""
    return sha256("\0".join(parts).encode()).hexdigest()[:32]

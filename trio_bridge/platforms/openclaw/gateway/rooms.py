"""All that a gateway does for those that were let in: agents, sessions, approvals, and HTTP beside them."""

from __future__ import annotations

from collections.abc import Sequence

from .approvals import Approvals
from .chat import Chat
from .checkpoints import Checkpoints
from .histories import Histories
from .http_door import HttpDoor
from .methods import House, Room
from .notices import SessionNotices
from .session_methods import SessionMethods
from .sessions import Sessions
from .shelf import Shelf
from .turns import Turns


class Rooms:
    """The rooms of a gateway, by name and all together."""

    def __init__(self, house: House) -> None:
        told = SessionNotices(house)
        self.sessions = Sessions(house, told)
        self.turns = Turns(house, self.sessions)
        self.chat = Chat(house, self.sessions, self.turns)
        self.checkpoints = Checkpoints(house, self.sessions, told)
        self.approvals = Approvals(house)
        self.shelf = Shelf(house, self.sessions)
        self.door = HttpDoor(house, self.sessions, self.turns)
        self.all: Sequence[Room] = (
            self.chat,
            Histories(house, self.sessions, self.turns),
            SessionMethods(house, self.sessions, self.turns, told),
            self.checkpoints,
            self.approvals,
            self.shelf,
        )

"""Answers on their way to a client, and what the script does to them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from . import frames
from .acts import Act, Behind, Closes, Late, Lost, Refuses, Says, Script
from .connection import GatewayConnection
from .frames import Request
from .methods import House, Refusal


class Answers:
    """Writes answers. ``stir`` is told of connections that got something to write, or were closed."""

    def __init__(self, house: House, stir: Callable[[GatewayConnection], None]) -> None:
        self.script = Script()
        self._house = house
        self._stir = stir

    def spoilt(self, connection: GatewayConnection, request: Request, act: Act | None) -> bool:
        """Whether the request is not even carried out; the client then knows."""
        match act:
            case Refuses():
                self.refuse(connection, request.id, act.refusal)
            case Closes(done=False):
                self.close(connection, act.code, act.reason)
            case _:
                return False
        return True

    def deliver(self, connection: GatewayConnection, act: Act | None, text: str) -> None:
        """Write an answer, or do to it what the script says."""
        match act:
            case Lost():
                return
            case Late():
                self._house.after(act.seconds, partial(self.deliver, connection, None, text))
                return
            case Behind():
                connection.hold(text, act.answers)
                return
            case Closes():
                self.close(connection, act.code, act.reason)
                return
            case Says():
                text = act.text
        connection.answer(text)
        self._stir(connection)

    def refuse(self, connection: GatewayConnection, request_id: object, refusal: Refusal) -> None:
        """Write that it is not done."""
        self.deliver(connection, None, frames.refusal(request_id, refusal))

    def close(self, connection: GatewayConnection, code: int, reason: str = "") -> None:
        """End a connection once what was said on it has been written."""
        connection.end(code, reason)
        self._stir(connection)

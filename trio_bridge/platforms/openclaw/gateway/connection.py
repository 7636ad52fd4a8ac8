"""One client's connection as the gateway holds it: where it stands, what is to be written, how it ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from . import frames
from .connecting import Caller
from .methods import Peer
from .rejections import cut

ABNORMAL = 1006


@attrs.frozen
class Ending:
    """How a connection ends: with a close frame, or with none and code 1006."""

    code: int = 1000
    reason: str = ""


@attrs.define(eq=False)
class Held:
    """An answer that waits for others to go first."""

    text: str
    answers: int


@attrs.define(eq=False)
class GatewayConnection:
    """A connection, from the upgrade to its end. Whoever writes for it takes :meth:`take`."""

    id: str
    caller: Caller
    nonce: str
    opened_at: float
    peer: Peer | None = None
    """Who is there, once hello is said."""
    method: str = ""
    """How it proved itself."""
    live: bool = True
    deciding: bool = False
    """Whether its ``connect`` has come: what comes before the answer is not heard."""
    ending: Ending | None = None
    double: bool = False
    """Whether each event is told twice."""
    seq: int = 0
    _out: list[str] = attrs.field(factory=list)
    _held: list[Held] = attrs.field(factory=list)

    def say(self, text: str) -> None:
        """Have a frame written, unless the connection has ended."""
        if self.live and self.ending is None:
            self._out.append(text)

    def answer(self, text: str) -> None:
        """Have an answer written, and those that waited for it."""
        self.say(text)
        for held in list(self._held):
            held.answers -= 1
            if held.answers <= 0:
                self._held.remove(held)
                self.answer(held.text)

    def hold(self, text: str, answers: int) -> None:
        """Have an answer written after so many others."""
        self._held.append(Held(text, answers))

    def tell(self, event: str, payload: Any, *, numbered: bool, state: Mapping[str, int] | None = None) -> None:
        """Have an event written."""
        if numbered:
            self.seq += 1
        text = frames.event(event, payload, seq=self.seq if numbered else None, state=state)
        for _ in range(2 if self.double else 1):
            self.say(text)

    def end(self, code: int, reason: str) -> None:
        """Close when what was said has been written. The first close stands."""
        if self.ending is None:
            self.ending = Ending(code, cut(reason))

    def take(self) -> list[str]:
        """What is to be written now."""
        out, self._out = self._out, []
        return out

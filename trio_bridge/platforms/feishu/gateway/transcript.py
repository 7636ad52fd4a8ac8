"""What went over the wire, and how often: for whoever must see it frame by frame. No I/O and no clock."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, Final, Literal

import attrs

from .connection import Message
from .frames import BadFrame, decode

What = Literal["discovery", "handshake", "received", "sent", "closed"]

KEPT: Final = 20_000
"""Lines. What is older is forgotten: a simulator may run for days."""


@attrs.frozen
class Line:
    """One thing that happened."""

    at: float
    what: What
    connection: str = ""
    code: int = 0
    """Of a discovery the answer's, of a handshake the HTTP status."""
    message: Message | None = attrs.field(default=None, repr=False)

    def as_json(self) -> dict[str, Any]:
        """The line with its frame, as plain values: the bytes as hex and, where they are a frame, that too."""
        told: dict[str, Any] = {"at": self.at, "what": self.what, "connection": self.connection}
        if self.message is None:
            return told | {"code": self.code}
        if isinstance(self.message, str):
            return told | {"text": self.message}
        told["hex"] = self.message.hex()
        try:
            frame = attrs.asdict(decode(self.message))
        except BadFrame as error:
            return told | {"bad": str(error)}
        payload = frame["payload"]
        return told | {"frame": frame | {"payload": payload and payload.decode(errors="replace")}}


@attrs.define
class Counts:
    """How often things happened."""

    discoveries: Counter[int] = attrs.Factory(Counter)
    """Calls for an address, by the code of the answer."""
    handshakes: Counter[int] = attrs.Factory(Counter)
    """Upgrades, by HTTP status."""
    pings: int = 0
    acks: Counter[int] = attrs.Factory(Counter)
    """Acknowledgements by code, late and wrong ones included."""
    redeliveries: int = 0
    most_connections: Counter[str] = attrs.Factory(Counter)
    """How many connections an app has had at the same time."""


class Transcript:
    """The newest lines, in order."""

    def __init__(self) -> None:
        self.lines: deque[Line] = deque(maxlen=KEPT)
        """What happened, the oldest first."""

    def note(
        self, at: float, what: What, connection: str = "", *, code: int = 0, message: Message | None = None
    ) -> None:
        self.lines.append(Line(at, what, connection, code, message))

    def as_text(self) -> Iterator[str]:
        """The lines as JSON."""
        return (json.dumps(line.as_json(), ensure_ascii=False) for line in self.lines)

"""One client's connection, as the server sees it."""

from __future__ import annotations

import attrs

Message = str | bytes
"""One WebSocket message. A text is nothing that the platform sends."""


@attrs.define(eq=False)
class GatewayConnection:
    """One client's connection. What waits to be written is the caller's to take."""

    id: str
    """The device id that discovery gave out."""
    app_id: str
    opened_at: float
    live: bool = True
    dropped: bool = False
    """The server wants it closed, now."""
    pings: list[float] = attrs.Factory(list)
    """When the client's pings came."""
    _outgoing: list[Message] = attrs.Factory(list)

    def write(self, message: Message) -> None:
        """Put a message behind those that wait."""
        self._outgoing.append(message)

    def take(self) -> list[Message]:
        """The messages to write now, in order. They are the caller's from here on."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

"""The server's end of a WebSocket. What a well-behaved peer never does is here and not in the seam: for simulators."""

from __future__ import annotations

import abc

from ..wire.protocol import Frame
from .websocket import Websocket


class ServerWebsocket(Websocket):
    """A WebSocket that can also misbehave. One that stops reading simply does not call :meth:`receive_batch`."""

    @property
    @abc.abstractmethod
    def subprotocol(self) -> str | None:
        """What both sides agreed on."""

    @abc.abstractmethod
    async def send_fragmented(self, message: Frame, size: int) -> None:
        """Send one message in fragments of ``size`` bytes, cut wherever that falls, also inside a character."""

    @abc.abstractmethod
    async def send_raw(self, data: bytes) -> None:
        """Send bytes as they are: half a frame, a wrong one, no frame at all."""

    @abc.abstractmethod
    def reset(self) -> None:
        """Drop the connection so that the peer sees a reset."""


def fragments(message: Frame, size: int) -> list[bytes]:
    """The bytes of a message in pieces; one that is empty has one piece."""
    data = message.encode() if isinstance(message, str) else message
    return [data[i : i + size] for i in range(0, len(data), size)] or [b""]

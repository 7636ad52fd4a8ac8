"""The server's end of a WebSocket. What a well-behaved peer never does is here and not in the seam: for simulators."""

from __future__ import annotations

from ..wire.protocol import Frame
from ._shell import CoreWebsocket
from ._streams import reset_now


class ServerWebsocket(CoreWebsocket):
    """A WebSocket that can also misbehave. One that stops reading simply does not call :meth:`receive_batch`."""

    async def send_fragmented(self, message: Frame, size: int) -> None:
        """Send one message in fragments of ``size`` bytes, cut wherever that falls, also inside a character."""
        data = message.encode() if isinstance(message, str) else message
        first, *others = [data[i : i + size] for i in range(0, len(data), size)] or [b""]
        begin = self._core.send_text if isinstance(message, str) else self._core.send_binary
        begin(first, fin=not others)
        for index, fragment in enumerate(others, start=1):
            self._core.send_continuation(fragment, fin=index == len(others))
        await self.send_batch()

    async def send_raw(self, data: bytes) -> None:
        """Send bytes as they are: half a frame, a wrong one, no frame at all."""
        self._core.writes.append(data)
        await self.send_batch()

    def reset(self) -> None:
        """Drop the connection so that the peer sees a reset."""
        reset_now(self._stream)
        self.abort()

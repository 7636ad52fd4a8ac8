"""How every WebSocket of ours ends, whichever library speaks on it.

1. How the connection ended is recorded once, in ``_end``, and raised by every later call.
2. Closing takes ``close_grace`` at most, and :data:`FAREWELL` where whoever closes has been cancelled.
3. The socket is closed when ``aclose`` returns or raises.
"""

from __future__ import annotations

import abc

import trio

from ..errors import ConnectionLost
from ._streams import close_now
from .websocket import Websocket

CLOSE_GRACE = 5.0
"""Seconds for the closing handshake."""

FAREWELL = 0.5
"""Seconds to write a close frame when there is no time for the closing handshake."""

LAST_WORDS = 1.0
"""Seconds for the reader to find out why a send failed: a close frame says more than a broken pipe."""

REASON_SIZE = 123
"""Bytes of a close frame's reason: 125 for a control frame, less 2 for the code (RFC 6455 §5.5)."""

ABNORMAL = 1006


class ClosingWebsocket(Websocket):
    """A connection over a stream of ours."""

    def __init__(self, stream: trio.abc.Stream, *, close_grace: float) -> None:
        self._stream = stream
        self._close_grace = close_grace
        self._closed = False
        self._end: ConnectionLost | None = None
        self._ended = trio.Event()
        self.last_received = trio.current_time()

    @property
    @abc.abstractmethod
    def subprotocol(self) -> str | None:
        """What both sides agreed on."""

    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        try:
            if trio.current_effective_deadline() <= trio.current_time():
                # Whoever cancels has no time for the peer's answer, but the peer need not find out by itself.
                with trio.move_on_after(FAREWELL, shield=True):
                    await self._say_goodbye(code, reason)
            else:
                with trio.move_on_after(self._close_grace):
                    await self._say_goodbye(code, reason)
                    await self._hear_goodbye()
        except (trio.BrokenResourceError, trio.ClosedResourceError, ConnectionLost):
            pass  # there is nobody left to part from
        finally:
            self.abort()

    def abort(self) -> None:
        if not self._closed:
            self._closed = True
            self._finish(ConnectionLost("the connection was closed on this side"))
            close_now(self._stream)

    def _finish(self, end: ConnectionLost) -> ConnectionLost:
        if self._end is None:
            self._end = end
            self._ended.set()
        return self._end

    @abc.abstractmethod
    async def _say_goodbye(self, code: int, reason: str) -> None:
        """Write a close frame: the answer to the peer's, or ours, or why we failed the connection."""

    @abc.abstractmethod
    async def _hear_goodbye(self) -> None:
        """Read and forget until the peer's close frame has come."""


def sendable_reason(reason: str) -> str:
    """As much of a reason as a close frame holds, cut between characters."""
    return reason.encode()[:REASON_SIZE].decode(errors="ignore")

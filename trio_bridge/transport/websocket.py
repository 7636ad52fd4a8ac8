"""The WebSocket seam: what a generation needs of a connection, whoever implements it."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence

from ..errors import HandshakeFailed
from ..wire.protocol import Frame


class UpgradeRefused(HandshakeFailed):
    """The server answered the upgrade with something else than 101.

    ``headers`` have lower-case names; platforms put the reason there, or into ``body``.
    """

    status: int

    def __init__(
        self, status: int, *, headers: Mapping[str, str], body: bytes = b"", retry_after: float | None = None
    ) -> None:
        super().__init__(
            f"the server answered the upgrade with {status}", stage="upgrade", status=status, retry_after=retry_after
        )
        self.headers = headers
        self.body = body


class Websocket(abc.ABC):
    """One open WebSocket connection.

    One task receives and one task sends. Everything that must leave without a message of ours (pongs, the answer to a
    close, pings asked for with :meth:`ping`) waits inside until the sending task calls :meth:`send_batch`, so
    that one task alone writes to the socket; :attr:`wants_flush` says that something waits.
    """

    last_received: float
    """When the last bytes arrived, by :func:`trio.current_time`. This alone proves that the peer lives."""

    @property
    @abc.abstractmethod
    def wants_flush(self) -> bool:
        """Whether control frames wait for the next :meth:`send_batch`."""

    @abc.abstractmethod
    async def receive_batch(self) -> list[Frame]:
        """Wait until something has arrived, then return every message that is complete. A checkpoint.

        The list is empty when only control frames or a part of a message arrived: look at :attr:`wants_flush`.
        Cancelling it loses nothing. Messages that arrived before a close are returned before the close is raised.

        Raises:
          PeerClosed: the peer closed; code 1006 where there was no close frame.
          RemoteProtocolError: the peer broke the protocol, or a message is larger than allowed.
          ConnectionLost: the network took the connection.
        """

    @abc.abstractmethod
    async def send_batch(self, messages: Sequence[Frame] = ()) -> None:
        """Write all messages, and every control frame that waits, in one go. A checkpoint.

        A call that is cancelled may have cut a frame in half: the connection is of no further use.

        Raises:
          ConnectionLost: the connection is gone.
        """

    @abc.abstractmethod
    def ping(self) -> None:
        """Have a ping sent with the next :meth:`send_batch`."""

    @abc.abstractmethod
    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        """Close with the closing handshake, bounded by the connection's ``close_grace``, then abort.

        The socket is closed when this returns or raises. Idempotent; never raises for what the peer does.
        """

    @abc.abstractmethod
    def abort(self) -> None:
        """Close the socket now, without a closing handshake. Idempotent."""

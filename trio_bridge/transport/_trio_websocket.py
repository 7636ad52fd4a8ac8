"""A WebSocket on trio-websocket. Client and server differ in the opening handshake alone.

trio-websocket has a reader of its own, which lives in the nursery of :meth:`TrioWebsocket.run`; what it may do with
the socket is settled in :class:`~trio_bridge.transport._paced_stream.PacedStream`. What is asked of it is few things:
the opening handshake, messages in and out, and the answers to pings and closes. The rest would not keep our promises:

1. Its ``ping()`` returns when the pong comes, and never if the peer has died: we write pings between its frames.
2. Its ``aclose()`` forgets what has arrived, and a ping that arrives after it kills the reader: we write the close
   frame, and trio-websocket only sees the answer.
3. A message that is too large takes with it those that wait in its queue: the queue has no room, each is taken at once.
4. A peer that breaks the protocol looks like one that closes, and is told nothing: it is known by the close frame
   that trio-websocket did not answer, and told by us.

One thing is as it is: fragments of a message are kept as objects until it is complete, and those that are empty are not
counted, so a hostile peer can make a message take many times its bytes.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import h11
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection
from websockets.exceptions import ProtocolError
from websockets.frames import Close, Opcode
from websockets.frames import Frame as CoreFrame
from wsproto.utilities import ProtocolError as WsprotoError
from wsproto.utilities import RemoteProtocolError as WsprotoRemoteError

from ..errors import ConnectionLost, HandshakeFailed, LocalProtocolError, PeerClosed, RemoteProtocolError
from ..nurseries import open_background
from ..wire.protocol import Frame
from ._closing import ABNORMAL, LAST_WORDS, ClosingWebsocket, sendable_reason
from ._paced_stream import PacedStream
from ._shell import RECEIVE_SIZE

QUEUE_SIZE = 0
"""Messages in trio-websocket's own queue: it hands each over before it looks at the next."""

PROTOCOL_ERROR = 1002
TOO_LARGE = 1009

OpenConnection = Callable[[trio.Nursery, PacedStream], Awaitable[WebSocketConnection]]
"""The opening handshake of trio-websocket, whose reader starts in the nursery."""

AnyTrioWebsocket = TypeVar("AnyTrioWebsocket", bound="TrioWebsocket")


class TrioWebsocket(ClosingWebsocket):
    """A connection that opens and lives while :meth:`run` does. ``masks``: whether our frames are a client's."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        *,
        first: Callable[[], Awaitable[bytes]],
        masks: bool,
        read_ahead: int,
        max_size: int,
        close_grace: float,
    ) -> None:
        super().__init__(stream, close_grace=close_grace)
        self._masks = masks
        self._max_size = max_size
        self._paced = PacedStream(
            stream, first=first, read_ahead=read_ahead, heard=self._note_bytes, settled=self._note_settled
        )
        self._connection: WebSocketConnection
        self._room = trio.CancelScope()
        self._left = trio.Event()
        self._messages: list[Frame] = []
        self._arrived = trio.Event()
        self._fresh = False
        self._pings = 0
        self._parting = False
        self._blame = PROTOCOL_ERROR

    @property
    def subprotocol(self) -> str | None:
        return self._connection.subprotocol

    @property
    def wants_flush(self) -> bool:
        return self._paced.wants_flush or self._pings > 0

    async def receive_batch(self) -> list[Frame]:
        if self._arrived.is_set() or self._end is not None:
            await trio.lowlevel.checkpoint()
        else:
            with self._paced.wanted():
                await self._arrived.wait()
        messages, self._messages = self._messages, []
        self._arrived = trio.Event()
        self._paced.taken()
        if self._end is not None and not messages:
            raise self._end
        return messages

    async def send_batch(self, messages: Sequence[Frame] = ()) -> None:
        if messages and (self._paced.parted or self._end is not None):
            await trio.lowlevel.checkpoint()
            raise self._end or ConnectionLost("the connection is being closed")
        try:
            while self._pings:
                self._pings -= 1
                self._push(Opcode.PING, os.urandom(4))
            for message in messages:
                # Half a surrogate pair is no reason to fail.
                whole = message.encode(errors="replace").decode() if isinstance(message, str) else message
                await self._connection.send_message(whole)
            await self._paced.flush()
        except (trio.BrokenResourceError, trio.ClosedResourceError, ConnectionClosed) as error:
            with trio.move_on_after(LAST_WORDS), self._paced.wanted():
                await self._ended.wait()
            raise self._finish(PeerClosed(ABNORMAL)) from error

    def ping(self) -> None:
        if self._end is None and not self._paced.parted:
            self._pings += 1

    def abort(self) -> None:
        super().abort()
        self._room.cancel("the connection is closed")

    async def run(self, open_connection: OpenConnection, *, task_status: trio.TaskStatus[Exception | None]) -> None:
        """Open the connection, and be there for it until it is closed. Reports why it could not be opened, or None."""
        failure: Exception | None = None
        opened = False
        try:
            async with trio.open_nursery() as room:
                self._room = room.cancel_scope
                self._connection = await open_connection(room, self._paced)
                opened = True
                room.start_soon(self._take_messages)
                self.last_received = trio.current_time()
                task_status.started(None)
        except* (HandshakeFailed, trio.BrokenResourceError) as failures:
            failure = failures.exceptions[0]
        except* (WsprotoError, h11.ProtocolError, UnicodeError) as failures:
            failure = broken(failures.exceptions[0])
        self._left.set()
        if not opened:
            task_status.started(failure)
        elif failure is not None:
            self._fail(PROTOCOL_ERROR, str(failure))

    async def _take_messages(self) -> None:
        """Take every message the moment it is complete, and learn how the connection ends."""
        try:
            while True:
                message = await self._connection.get_message()
                if is_larger(message, self._max_size):
                    self._fail(TOO_LARGE, f"a message of more than {self._max_size} bytes")
                    return
                if not self._parting:
                    self._messages.append(message)
                if self._paced.settled.is_set():
                    self._arrived.set()
        except ConnectionClosed as closed:
            self._recognise_end(closed)

    def _recognise_end(self, closed: ConnectionClosed) -> None:
        reason = closed.reason
        if isinstance(closed.__context__, trio.ClosedResourceError):  # closed at our end of the queue
            self._fail(TOO_LARGE, f"a message of more than {self._max_size} bytes")
        elif reason is None:
            self._fail(PROTOCOL_ERROR, "frames that can't be understood")
        elif reason.code != ABNORMAL and not self._paced.parted:
            self._fail(reason.code, reason.reason or "")
        else:
            self._finish(PeerClosed(int(reason.code), reason.reason or ""))

    def _fail(self, code: int, reason: str) -> None:
        """The peer broke the protocol: closing tells it so."""
        self._blame = code
        self._finish(RemoteProtocolError(f"the peer broke the protocol: {reason}"))

    def _finish(self, end: ConnectionLost) -> ConnectionLost:
        self._arrived.set()
        return super()._finish(end)

    async def _say_goodbye(self, code: int, reason: str) -> None:
        self._parting = True
        if not self._paced.parted:
            failed = isinstance(self._end, RemoteProtocolError)
            try:
                close = Close(self._blame, "") if failed else Close(code, sendable_reason(reason))
                self._push(Opcode.CLOSE, close.serialize())
            except ProtocolError as error:
                raise LocalProtocolError(f"close code {code}: {error}") from error
        await self._paced.flush()

    async def _hear_goodbye(self) -> None:
        if isinstance(self._end, RemoteProtocolError):
            # trio-websocket reads no further, so whether the peer has read our close frame shows when it hangs up.
            self._room.cancel("the connection has failed")
            await self._left.wait()
            while await self._stream.receive_some(RECEIVE_SIZE):
                pass
        else:
            with self._paced.wanted():
                await self._ended.wait()

    def _push(self, opcode: Opcode, data: bytes) -> None:
        """A frame of our own leaves between those of trio-websocket."""
        self._paced.push(CoreFrame(opcode, data).serialize(mask=self._masks), parting=opcode is Opcode.CLOSE)

    def _note_bytes(self) -> None:
        self.last_received = trio.current_time()
        self._fresh = True

    def _note_settled(self) -> None:
        """All that was complete has been handed over: that is a batch."""
        if self._fresh or self._messages:
            self._fresh = False
            self._arrived.set()


@asynccontextmanager
async def living(websocket: AnyTrioWebsocket, open_connection: OpenConnection) -> AsyncIterator[AnyTrioWebsocket]:
    """The connection is open within the block, and gone behind it. What the block raises comes out as it is.

    Raises:
      HandshakeFailed, trio.BrokenResourceError: it could not be opened.
    """
    async with open_background("the connection is left") as nursery:
        try:
            failure = await nursery.start(websocket.run, open_connection)
            if failure is not None:
                raise failure
            yield websocket
        finally:
            websocket.abort()


def broken(error: Exception) -> HandshakeFailed:
    """trio-websocket found fault with the answer, and broke when it wanted to say so: the fault is what tells."""
    fault: BaseException | None = error
    while fault is not None and not isinstance(fault, WsprotoRemoteError):
        fault = fault.__context__
    failure = HandshakeFailed(f"upgrade: {fault or error}", stage="upgrade")
    failure.__cause__ = fault or error
    return failure


def is_larger(message: Frame, size: int) -> bool:
    """Whether a message has more bytes than that. trio-websocket counts the characters of a text."""
    if isinstance(message, bytes) or len(message) * 4 <= size:
        return len(message) > size
    return len(message.encode()) > size

"""A WebSocket on the sans-I/O core of ``websockets``. Client and server differ in the opening handshake alone.

1. The task that receives never writes, and the task that sends never reads: what the core wants to say (pongs, the
   answer to a close) waits in it until the next :meth:`CoreWebsocket.send_batch`, or until the connection is closed.
2. Whatever was complete before the end is returned before the end is raised.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import cast

import trio
from websockets.exceptions import ProtocolError
from websockets.frames import Frame as CoreFrame
from websockets.frames import Opcode
from websockets.protocol import Protocol, State

from ..errors import ConnectionLost, LocalProtocolError, PeerClosed, RemoteProtocolError
from ..wire.protocol import Frame
from ._closing import ABNORMAL, CLOSE_GRACE, LAST_WORDS, ClosingWebsocket, sendable_reason

RECEIVE_SIZE = 65_536
"""Bytes per receive: of messages of 1 kB a batch of some sixty."""

MAX_SIZE = 16 * 2**20
"""Bytes of one message, after inflating and joining."""

INVALID_DATA = 1007

TEXT, BINARY, CONT = Opcode.TEXT, Opcode.BINARY, Opcode.CONT

# The core logs frames and headers at DEBUG: message texts, tickets, tokens. It gets a logger of ours that won't.
quiet = logging.getLogger("trio_bridge.transport.core")
quiet.setLevel(logging.WARNING)


class CoreWebsocket(ClosingWebsocket):
    """A connection whose opening handshake is done."""

    def __init__(self, stream: trio.abc.Stream, core: Protocol, *, close_grace: float = CLOSE_GRACE) -> None:
        super().__init__(stream, close_grace=close_grace)
        self._core = core
        self._partial = bytearray()
        self._partial_is_text = False
        self._receiving = False
        self._torn = False  # while bytes are under way, and for good if that was cut off
        self._early = self._digest()  # what came right behind the handshake

    @property
    def subprotocol(self) -> str | None:
        return self._core.subprotocol

    @property
    def wants_flush(self) -> bool:
        return any(self._core.writes)

    async def receive_batch(self) -> list[Frame]:
        if self._early or self._end is not None:
            await trio.lowlevel.checkpoint()
        else:
            await self._receive()
        messages, self._early = self._early, []
        if self._end is not None and not messages:
            raise self._end
        return messages

    async def send_batch(self, messages: Sequence[Frame] = ()) -> None:
        core = self._core
        if messages and core.state is not State.OPEN:
            await trio.lowlevel.checkpoint()
            raise self._end or ConnectionLost("the connection is being closed")
        for message in messages:
            if isinstance(message, str):
                core.send_text(message.encode(errors="replace"))  # half a surrogate pair is no reason to fail
            else:
                core.send_binary(message)
        try:
            await self._flush()
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            if self._receiving:
                with trio.move_on_after(LAST_WORDS):
                    await self._ended.wait()
            raise self._lost() from error

    def ping(self) -> None:
        if self._core.state is State.OPEN:
            self._core.send_ping(os.urandom(4))

    async def _receive(self) -> None:
        """What the socket has is in ``_early``, and the end in ``_end`` if it came."""
        self._receiving = True
        try:
            data = await self._stream.receive_some(RECEIVE_SIZE)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise self._lost() from error
        finally:
            self._receiving = False
        if data:
            self.last_received = trio.current_time()
            self._core.receive_data(data)
        else:
            self._core.receive_eof()
        self._early = self._digest()

    def _digest(self) -> list[Frame]:
        """The messages that are complete by now. Records the end of the connection, if that came."""
        core = self._core
        messages: list[Frame] = []
        try:
            for frame in cast("list[CoreFrame]", core.events_received()):
                opcode = frame.opcode
                if opcode is TEXT and frame.fin:
                    messages.append(str(frame.data, "utf-8"))
                elif opcode is BINARY and frame.fin:
                    messages.append(bytes(frame.data))
                elif opcode is TEXT or opcode is BINARY or opcode is CONT:
                    self._join(frame, messages)
        except UnicodeDecodeError as error:
            core.fail(INVALID_DATA, "text is not UTF-8")
            core.parser_exc = error
        if core.state is not State.OPEN and self._end is None:
            self._recognise_end()
        return messages

    def _join(self, fragment: CoreFrame, messages: list[Frame]) -> None:
        """A fragment is kept as bytes in one buffer, never as an object: a peer may send a million of them."""
        if fragment.opcode is not CONT:
            self._partial_is_text = fragment.opcode is TEXT
        self._partial += fragment.data
        if fragment.fin:
            whole, self._partial = self._partial, bytearray()
            messages.append(whole.decode() if self._partial_is_text else bytes(whole))

    def _recognise_end(self) -> None:
        core = self._core
        if core.parser_exc is not None and not isinstance(core.parser_exc, EOFError):
            failure = RemoteProtocolError(f"the peer broke the protocol: {core.parser_exc}")
            failure.__cause__ = core.parser_exc
            self._finish(failure)
        elif core.close_rcvd is not None:
            self._finish(PeerClosed(int(core.close_rcvd.code), core.close_rcvd.reason))
        elif core.state is State.CLOSED:
            self._finish(PeerClosed(ABNORMAL))

    def _lost(self) -> ConnectionLost:
        """The network took the connection, unless something better is known."""
        self._core.receive_eof()
        return self._finish(PeerClosed(ABNORMAL))

    @property
    def _parted(self) -> bool:
        """Whether the peer will say nothing more."""
        return self._core.close_rcvd is not None or self._core.state is State.CLOSED

    async def _flush(self) -> None:
        """Everything that waits is written, in one call."""
        data = b"".join(self._core.data_to_send())
        if not data:
            await trio.lowlevel.checkpoint()
            return
        if self._torn:
            raise ConnectionLost("another send is under way, or was cut off")
        self._torn = True
        await self._stream.send_all(data)
        self._torn = False

    async def _say_goodbye(self, code: int, reason: str) -> None:
        if self._core.state is State.OPEN:
            try:
                self._core.send_close(code, sendable_reason(reason))
            except ProtocolError as error:
                raise LocalProtocolError(f"close code {code}: {error}") from error
        if self._core.state is not State.CLOSED:
            await self._flush()

    async def _hear_goodbye(self) -> None:
        if self._receiving:
            await self._ended.wait()  # another task reads already
        while not self._parted:
            await self._receive()
            self._early = []

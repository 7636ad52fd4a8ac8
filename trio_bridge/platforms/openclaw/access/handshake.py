"""One try to log in, on a WebSocket that is open: the gateway's challenge, our answer to it, its verdict."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import attrs
import trio

from ....errors import ConnectionLost, HandshakeFailed, PeerClosed, RemoteProtocolError
from ....transport.limits import stage_limit
from ....transport.websocket import Websocket
from ....wire.protocol import Frame
from ..codes import Category
from ..config import OpenClaw
from ..failures import PROTOCOLS, foreign_hello, login_category
from ..frames import BadFrame, Event, Response, WireError, decode, request_frame, request_text
from ..hello import Hello
from ..reading import FAR_AWAY_MS
from .offer import Challenge, Offer

CHALLENGE_LIMIT: Final = 15.0
"""Seconds for the challenge. A gateway waits as long for the answer to it."""
ANSWER_LIMIT: Final = 15.0
"""Seconds for the verdict: one on wrong credentials is held back for up to 5 s, to slow down whoever guesses."""
CLOSE_LIMIT: Final = 2.0
"""Seconds for the close behind a refusal."""
EARLY_LIMIT: Final = 32 * 2**20
"""Characters that may arrive before the verdict, and are kept."""
FRAME: Final = 1024
"""Characters that a frame counts for at least: empty ones take room, too."""

CONNECT: Final = "connect"
"""The method, and the id of the one request that asks for it: those of others are numbers."""

Said = TypeVar("Said", Response, Event)


@attrs.frozen
class Admitted:
    """The gateway lets us in."""

    link: Websocket
    hello: Hello
    early: Sequence[Frame] = attrs.field(repr=False)
    """What arrived before and behind its hello."""
    clock_ahead: float = 0.0
    """Seconds by which its wall clock is ahead of ours."""


@attrs.frozen
class Refused:
    """It does not: what it answered, if anything, and its close, if there was one."""

    error: WireError | None
    close: PeerClosed | None

    @property
    def category(self) -> Category:
        return login_category(self.error, self.close)


async def shake_hands(
    link: Websocket, offer: Offer, config: OpenClaw, *, gateway: str, now_ms: Callable[[], int]
) -> Admitted | Refused:
    """Wait for the challenge, answer it, and hear the verdict. ``gateway`` is how people know what is asked.

    Raises:
      HandshakeFailed: it says nothing, or what no gateway says.
      AccountRefused: it let us in, and speaks a protocol that we don't.
      ConnectionLost: the network took the connection.
    """
    talk = _Talk(link, gateway)
    try:
        with stage_limit("login", CHALLENGE_LIMIT, f"the challenge of {gateway}, if that is an OpenClaw Gateway"):
            asked = await talk.hear(Event, lambda event: event.name == "connect.challenge")
        challenge = _challenge(asked.payload, gateway, now_ms)
        clock_ahead = (challenge.at_ms - now_ms()) / 1000
    except PeerClosed as close:
        if login_category(None, close) != "transient":
            return _refused(offer, None, close)
        text = f"{gateway} closed without a word ({close.code}): is it an OpenClaw Gateway?"
        raise HandshakeFailed(text, stage="login") from close
    try:
        with stage_limit("login", ANSWER_LIMIT, f"the verdict of {gateway} on our login"):
            await link.send_batch([request_frame(CONNECT, request_text(CONNECT, offer.params(challenge, config)))])
            answer = await talk.hear(Response, lambda response: response.id == CONNECT)
    except PeerClosed as close:
        return _refused(offer, None, close)
    if not answer.ok:
        return _refused(offer, answer.error, await talk.hear_close())
    if not isinstance(answer.payload, dict):
        raise HandshakeFailed(f"{gateway} let us in without a hello: is it an OpenClaw Gateway?", stage="login")
    hello = Hello.of(answer.payload)
    oldest, newest = PROTOCOLS
    if hello.protocol and not oldest <= hello.protocol <= newest:
        raise foreign_hello(hello.protocol)
    return Admitted(link, hello, talk.unheard(), clock_ahead)


@attrs.define(eq=False)
class _Talk:
    """What a gateway says, one frame after the other. What was not asked for is kept for later."""

    _link: Websocket
    _gateway: str
    _unread: deque[Frame] = attrs.field(factory=deque, init=False)
    _kept: list[Frame] = attrs.field(factory=list, init=False)
    _room: int = attrs.field(default=EARLY_LIMIT, init=False)

    async def hear(self, kind: type[Said], is_wanted: Callable[[Said], bool]) -> Said:
        """The first frame of this kind that is wanted."""
        while True:
            while not self._unread:
                await self._receive()
            frame = self._unread.popleft()
            try:
                said = decode(frame)
            except BadFrame:
                said = None
            if isinstance(said, kind) and is_wanted(said):
                return said
            self._kept.append(frame)

    async def hear_close(self) -> PeerClosed | None:
        """The close that is to follow, or ``None`` where it does not. It may come half a second behind a refusal."""
        with trio.move_on_after(CLOSE_LIMIT):
            try:
                while True:
                    await self._receive()
            except PeerClosed as close:
                return close
            except ConnectionLost:
                return None
        return None

    def unheard(self) -> list[Frame]:
        """Everything that was not asked for, in the order in which it came."""
        return [*self._kept, *self._unread]

    async def _receive(self) -> None:
        frames = await self._link.receive_batch()
        self._room -= sum(max(FRAME, len(frame)) for frame in frames)
        if self._room < 0:
            raise RemoteProtocolError(f"{self._gateway} says too much before it lets us in")
        self._unread += frames
        if self._link.wants_flush:
            await self._link.send_batch()


def _challenge(payload: dict[str, Any], gateway: str, now_ms: Callable[[], int]) -> Challenge:
    nonce, at = payload.get("nonce"), payload.get("ts")
    if not isinstance(nonce, str) or not nonce.strip():
        raise HandshakeFailed(f"{gateway}: a challenge with nothing to sign", stage="login")
    return Challenge(nonce, at if isinstance(at, int) and 0 < at < FAR_AWAY_MS else now_ms())


def _refused(offer: Offer, error: WireError | None, close: PeerClosed | None) -> Refused:
    """A refusal that may be shown."""
    if close is not None:
        close = PeerClosed(close.code, offer.hide(close.reason))
    if error is not None:
        details = error.details
        if isinstance(details, dict):
            details = {name: offer.hide(said) if isinstance(said, str) else said for name, said in details.items()}
        error = attrs.evolve(error, code=offer.hide(error.code), message=offer.hide(error.message), details=details)
    return Refused(error, close)

"""One endpoint of chat completions while it can be called: a request in, the pieces of an answer out."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing, suppress
from typing import Any

import attrs
import trio

from ...errors import ConnectionLost, NotSent, OutcomeUnknown, PeerSilent
from ...transport.http import HttpClient, HttpReply, HttpStream
from .answer import Answer, answer_of
from .failures import failure_of, pause

OK = 200
REFUSAL_SIZE = 64 * 1024
"""Bytes of an answer that is none: only its beginning is shown."""
COMPRESSED_SIZE = 2**20
"""Bytes of an answer that comes compressed, and therefore at once."""
ENDING = 1.0
"""Seconds for what follows the end of an answer, so that its connection can serve the next one; or for the words of a
refusal."""


@attrs.frozen(kw_only=True)
class Patience:
    """How long an endpoint may take, in seconds."""

    first: float
    """Until the answer begins."""
    silence: float
    """Between two pieces of it."""
    whole: float
    """For all of it."""


@attrs.frozen(kw_only=True, eq=False)
class Completions:
    """An endpoint that answers. Its connections are those of ``client``."""

    client: HttpClient
    url: str
    """The base: ``/chat/completions`` follows."""
    read_token: Callable[[], str | None]
    """Called for each request: a token may change."""
    patience: Patience

    async def answer(self, request: dict[str, Any], *, headers: Iterable[tuple[str, str]] = ()) -> AsyncGenerator[str]:
        """The pieces of an answer, to its end.

        Raises:
          BridgeError: there is none, or it is not whole. ``retry_after`` where it is known to be too early.
        """
        begun, token = trio.current_time(), self.read_token()
        try:
            async with self.client.stream(
                "POST",
                f"{self.url}/chat/completions",
                headers=[*bearer(token), ("Accept", "text/event-stream, application/json"), *headers],
                json=request,
            ) as response:
                if response.status != OK:
                    reply = HttpReply(response.status, response.headers, await _beginning(response))
                    raise failure_of(reply, token=token, model=request["model"])
                async with aclosing(self._read(response, answer_of(response.headers, token), begun)) as pieces:
                    async for piece in pieces:
                        yield piece
        except NotSent as error:
            raise NotSent(str(error), retry_after=pause(error.retry_after)) from error

    async def _read(self, response: HttpStream, answer: Answer, begun: float) -> AsyncGenerator[str]:
        compressed = response.headers.get("content-encoding", "identity") != "identity"
        until, last_moment = begun + self.patience.first, begun + self.patience.whole
        while not answer.finished:
            with trio.move_on_at(min(until, last_moment)) as limit:
                piece = await (response.read(COMPRESSED_SIZE) if compressed else response.receive_some())
            if limit.cancelled_caught:
                raise self._too_slow(last_moment)
            if not piece:
                break
            for text in answer.feed(piece):
                yield text
            until = trio.current_time() + self.patience.silence
        for text in answer.end():
            yield text
        if mark := answer.last_words():
            yield mark
        with trio.move_on_after(ENDING), suppress(OutcomeUnknown):
            while await response.receive_some():
                pass

    def _too_slow(self, last_moment: float) -> ConnectionLost:
        if trio.current_time() >= last_moment:
            return ConnectionLost(f"the model was not through with its answer within {self.patience.whole:g} s")
        return PeerSilent("the model fell silent before its answer had ended")


def bearer(token: str | None) -> list[tuple[str, str]]:
    """The header that proves who asks."""
    return [] if token is None else [("Authorization", f"Bearer {token}")]


async def _beginning(response: HttpStream) -> bytes:
    """What is soon to be had of the body of a refusal."""
    body = b""
    with trio.move_on_after(ENDING), suppress(OutcomeUnknown):
        while len(body) < REFUSAL_SIZE and (piece := await response.receive_some()):
            body += piece
    return body

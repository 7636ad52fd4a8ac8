"""A file on its way from a server to the disk: as much of it as is allowed, and under which name."""

from __future__ import annotations

from typing import Final

import attrs

from ...errors import RequestFailed
from ...messages import Attachment
from ...transport.http import HttpStream
from .formats import FORMATS

AT_A_TIME: Final = 8
"""Files under way at the same time for one account: each holds a connection and a chunk of memory."""

ENDINGS: Final = {each.media_type: f".{each.endings[0]}" for each in FORMATS}
"""How a file without a name ends, by what its host calls it."""


@attrs.define(eq=False)
class Received:
    """The body of an answer, up to a limit of bytes, which a key of the configuration sets."""

    _answer: HttpStream
    _limit: int
    _key: str = "media_max_bytes"
    _received: int = 0

    def check(self) -> None:
        """See that the answer may be read.

        Raises:
          RequestFailed: it is said to be larger than is allowed, or in a form of which nobody knows how large it is.
        """
        if self._answer.headers.get("content-encoding", "identity").lower() != "identity":
            # What was not asked for may be a bomb, and its size says nothing.
            raise RequestFailed("the file came compressed, which nobody asked for", code="compressed")
        length = self._answer.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self._limit:
            raise self._too_large()

    async def receive(self) -> bytes:
        """The next piece; empty at the end.

        Raises:
          RequestFailed: there is more than is allowed.
          OutcomeUnknown: the connection broke, or fell silent.
        """
        piece = await self._answer.receive_some()
        self._received += len(piece)
        if self._received > self._limit:
            raise self._too_large()
        return piece

    def _too_large(self) -> RequestFailed:
        return RequestFailed(f"the file is larger than {self._key} ({self._limit:,})", code="too_large")


def name_of(attachment: Attachment, answer: HttpStream) -> str:
    """What the file is called: as its sender did, else by what it is."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return attachment.name or attachment.kind + ENDINGS.get(kind, "")

"""Files that people sent, fetched: from a download code to a URL, from the URL to the disk.

1. Such a URL comes from a payload, so it is vetted before anything is sent there, and each redirect anew.
2. Neither our token nor a content type goes with the call: the one is nobody's business, the other breaks the signature
   in the URL.
3. That signature is a secret: errors name the host and nothing more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import attrs
import trio

from ....bots.media.formats import FORMATS
from ....engine.files import Files
from ....errors import ConnectionLost, OutcomeUnknown, RequestFailed
from ....messages import Attachment, PathLike
from ....transport.http import HttpClient, HttpStream
from ....wire.jsontext import word
from ..codes import DOWNLOAD
from ..config import DingTalk
from ..failures import describe, failure
from ..rest import Rest
from .filehosts import FileHosts

AT_A_TIME: Final = 8
"""Files under way at the same time: each holds a connection and a chunk of memory."""

REDIRECTS: Final = 3
REDIRECTING: Final = frozenset({301, 302, 303, 307, 308})

LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses of a file host after which the same call may succeed."""

ENDINGS: Final = {"image/webp": ".webp", **{each.media_type: f".{each.endings[0]}" for each in FORMATS}}
"""How a file without a name ends, by what its host calls it."""


@attrs.define(eq=False)
class Downloads:
    """Fetches what attachments refer to. Further calls wait for their turn, which is not part of their time."""

    _config: DingTalk
    _rest: Rest
    _hosts: FileHosts
    _files: Files
    _turns: trio.CapacityLimiter = attrs.field(factory=lambda: trio.CapacityLimiter(AT_A_TIME), init=False)

    async def fetch(self, wanted: Attachment | str, to: PathLike | None = None) -> Path:
        """The path of an attachment's file, or of that for a download code, fetched now.

        Raises:
          RequestFailed: the code is good no more, the file is too large, or its address is none to call.
          RateLimited, NotSent, ConnectionLost, AccountRefused: it could not be fetched now.
          StoreUnavailable: the disk won't have it.
        """
        attachment = Attachment(source={"code": wanted}) if isinstance(wanted, str) else wanted
        async with self._turns:
            with trio.move_on_after(self._config.media_timeout), _harmless_to_repeat():
                async with self._answer(await self._url_of(attachment)) as answer:
                    self._check(answer)
                    return await self._files.keep(_Body(answer, self._limit).receive, _name(attachment, answer), to)
        raise ConnectionLost(f"the file was not here within {self._config.media_timeout:g} s")

    @property
    def _limit(self) -> int:
        return self._config.media_max_bytes

    async def _url_of(self, attachment: Attachment) -> str:
        code = word(attachment.source.get("code"))
        if not code:
            url = word(attachment.source.get("url"))
            if not url:
                raise RequestFailed("nobody told where the file is", code="no_source")
            return url
        outcome = await self._rest.call("POST", DOWNLOAD, {"downloadCode": code, "robotCode": self._config.robot_code})
        if outcome.category == "gone":
            raise RequestFailed(f"DingTalk no longer has the file: {describe(outcome)}", code=outcome.code)
        if outcome.category != "ok":
            raise failure(outcome)
        return word(outcome.payload["downloadUrl"])

    @asynccontextmanager
    async def _answer(self, url: str) -> AsyncIterator[HttpStream]:
        """The answer that all redirects lead to. Its body is not read."""
        for _ in range(REDIRECTS + 1):
            client: HttpClient = self._hosts.client_for(url)
            async with client.stream("GET", url) as answer:
                location = answer.headers.get("location", "")
                if answer.status not in REDIRECTING or not location:
                    yield answer
                    return
            url = _joined(url, location)
        raise RequestFailed(f"the file is behind more than {REDIRECTS} redirects", code="too_many_redirects")

    def _check(self, answer: HttpStream) -> None:
        """See that the answer is a file that may be fetched."""
        if answer.status in LATER:
            raise ConnectionLost(f"the file's host answered {answer.status}")
        if answer.status != 200:
            raise RequestFailed(f"the file's host answered {answer.status}", code=str(answer.status))
        if answer.headers.get("content-encoding", "identity").lower() != "identity":
            # What was not asked for may be a bomb, and its size says nothing.
            raise RequestFailed("the file came compressed, which nobody asked for", code="compressed")
        length = answer.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > self._limit:
            raise _too_large(self._limit)


@attrs.define(eq=False)
class _Body:
    """The body of an answer, up to a limit."""

    _answer: HttpStream
    _limit: int
    _received: int = 0

    async def receive(self) -> bytes:
        piece = await self._answer.receive_some()
        self._received += len(piece)
        if self._received > self._limit:
            raise _too_large(self._limit)
        return piece


def _too_large(limit: int) -> RequestFailed:
    return RequestFailed(f"the file is larger than media_max_bytes ({limit:,})", code="too_large")


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return location  # nothing that could be called: it is refused by whoever looks at it


def _name(attachment: Attachment, answer: HttpStream) -> str:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    return attachment.name or attachment.kind + ENDINGS.get(kind, "")


@contextmanager
def _harmless_to_repeat() -> Iterator[None]:
    """What may have been carried out is of no concern here: nothing is changed by it."""
    try:
        yield
    except OutcomeUnknown as error:
        raise ConnectionLost(str(error)) from error

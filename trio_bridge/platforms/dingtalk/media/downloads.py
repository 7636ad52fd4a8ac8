"""Files that people sent, fetched: from a download code to a URL, from the URL to the disk.

1. Such a URL comes from a payload, so it is vetted before anything is sent there, and each redirect anew.
2. Neither our token nor a content type goes with the call: the one is nobody's business, the other breaks the signature
   in the URL.
3. That signature is a secret: errors name the host and nothing more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import attrs
import trio

from ....bots.calls import harmless_to_repeat
from ....bots.media.receiving import AT_A_TIME, Received, name_of
from ....engine.files import Files
from ....errors import ConnectionLost, RequestFailed
from ....messages import Attachment, PathLike
from ....transport.http import HttpClient, HttpStream
from ....wire.jsontext import word
from ..codes import DOWNLOAD
from ..config import DingTalk
from ..failures import describe, failure
from ..rest import Rest
from .filehosts import FileHosts

REDIRECTS: Final = 3
REDIRECTING: Final = frozenset({301, 302, 303, 307, 308})

LATER: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses of a file host after which the same call may succeed."""


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
            with trio.move_on_after(self._config.media_timeout), harmless_to_repeat():
                async with self._answer(await self._url_of(attachment)) as answer:
                    _check(answer)
                    received = Received(answer, self._config.media_max_bytes)
                    received.check()
                    return await self._files.keep(received.receive, name_of(attachment, answer), to)
        raise ConnectionLost(f"the file was not here within {self._config.media_timeout:g} s")

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


def _check(answer: HttpStream) -> None:
    """See that the answer is a file."""
    if answer.status in LATER:
        raise ConnectionLost(f"the file's host answered {answer.status}")
    if answer.status != 200:
        raise RequestFailed(f"the file's host answered {answer.status}", code=str(answer.status))


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return location  # nothing that could be called: it is refused by whoever looks at it

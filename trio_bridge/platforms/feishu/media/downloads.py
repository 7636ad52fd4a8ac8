"""Files that people sent, fetched from the messages in which they came."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import attrs
import trio

from ....bots.calls import harmless_to_repeat
from ....bots.media.receiving import AT_A_TIME, Received, name_of
from ....engine.files import Files
from ....errors import ConnectionLost, RequestFailed
from ....messages import Attachment, PathLike
from ....wire.jsontext import word
from ..config import Feishu
from ..rest.rest import Rest

RESOURCE: Final = "/im/v1/messages/:message_id/resources/:file_key"

GIVEN_OUT: Final = frozenset({"image", "file"})
"""What Feishu gives out, in the words in which it is asked. Recordings and videos are files to it."""


@attrs.define(eq=False)
class Downloads:
    """Fetches what attachments refer to. Further calls wait for their turn, which is not part of their time."""

    _config: Feishu
    _rest: Rest
    _files: Files
    _turns: trio.CapacityLimiter = attrs.field(factory=lambda: trio.CapacityLimiter(AT_A_TIME), init=False)

    async def fetch(self, wanted: Attachment, to: PathLike | None = None) -> Path:
        """The path of an attachment's file, fetched now.

        Raises:
          RequestFailed: Feishu does not give it out, it is gone, or it is too large.
          RateLimited, NotSent, ConnectionLost, AccountRefused: it could not be fetched now.
          StoreUnavailable: the disk won't have it.
        """
        ids, kind = _asked_for(wanted)
        async with self._turns:
            with trio.move_on_after(self._config.media_timeout), harmless_to_repeat():
                async with self._rest.download(RESOURCE, ids=ids, params={"type": kind}) as answer:
                    received = Received(answer, self._config.media_max_bytes)
                    received.check()
                    return await self._files.keep(received.receive, name_of(wanted, answer), to)
        raise ConnectionLost(f"the file was not here within {self._config.media_timeout:g} s")


def _asked_for(wanted: Attachment) -> tuple[tuple[str, str], str]:
    """The message and the key of a file, and what kind of file Feishu is to look for."""
    message, key, kind = (word(wanted.source.get(name)) for name in ("message_id", "file_key", "type"))
    if kind == "sticker":
        raise RequestFailed("a sticker can't be fetched: Feishu gives out none", code="sticker")
    if not message or not key or kind not in GIVEN_OUT:
        raise RequestFailed("nobody told where the file is", code="no_source")
    return (message, key), kind

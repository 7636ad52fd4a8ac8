"""Files become media that DingTalk keeps, and media become messages.

1. Uploads of an account are made one after another: at most one file of it is in memory.
2. An upload may be made again without harm, so one without an answer is only to be tried later.
3. What does not fit its kind goes as a file. What no kind fits is refused, by us or by DingTalk.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Final

import attrs
import trio

from ....bots.media.durations import seconds_of_wav
from ....bots.media.ffmpeg import FFmpeg
from ....bots.media.files import read_media, shown_name
from ....bots.media.formats import HEAD
from ....bots.media.markers import FileKind, Named
from ....engine.executors import Executor
from ....errors import OutcomeUnknown, RateLimited, RequestFailed
from ....messages import Attachment
from ....transport.http import HttpClient, open_http_client
from ....transport.network import Network
from ....wire.jsontext import word
from ..codes import UPLOAD
from ..config import DingTalk
from ..failures import failure
from ..kinds import Audio, File, Image, Kind, Video
from ..rest import Rest
from .types import LARGEST, TYPES, Upload, upload_of

COVER_NAME: Final = "cover.jpg"


@attrs.define(eq=False)
class Uploads:
    """Hands files in for one account. ``rest`` calls through :func:`open_upload_client`."""

    _config: DingTalk
    _rest: Rest
    _disk: Executor
    _ffmpeg: FFmpeg = attrs.field(
        default=attrs.Factory(
            lambda self: FFmpeg(self._config.media_probe, self._config.media_cover, self._disk, self._config.labels),
            takes_self=True,
        ),
        init=False,
    )
    _one_at_a_time: trio.Lock = attrs.field(factory=trio.Lock, init=False)

    async def upload(self, path: Path, *, kind: FileKind = "file", name: str = "") -> str:
        """The media id of a file of this machine.

        Raises:
          RequestFailed: it can't be read, or DingTalk refused it.
          RateLimited, NotSent, AccountRefused, ConnectionLost: it was not taken; try again later.
        """
        async with self._one_at_a_time:
            content = await self._read(Attachment(path))
            return await self._hand_in(
                upload_of(TYPES[kind], shown_name(path, name), content[:HEAD], len(content)), content
            )

    async def message(self, attachment: Attachment) -> Kind:
        """The message that shows a file, which is uploaded for it. What an answer named must lie below the roots.

        Raises what :meth:`upload` does.
        """
        if attachment.path is None:
            raise RequestFailed("an attachment without a path can't be sent", code="file")
        async with self._one_at_a_time:
            content = await self._read(attachment)
            name = shown_name(attachment.path, attachment.name)
            found = upload_of(TYPES[attachment.kind], name, content[:HEAD], len(content))
            match found.type:
                case "image":
                    return Image(await self._hand_in(found, content))
                case "voice" if seconds := await self._seconds(found, content):
                    return Audio(await self._hand_in(found, content), seconds)
                case "video" if (seconds := await self._seconds(found, content)) and (
                    cover := await self._ffmpeg.cover(content, found.media_type)
                ):
                    picture = await self._hand_in(Upload("image", COVER_NAME, "image/jpeg"), cover)
                    return Video(await self._hand_in(found, content), seconds, picture)
            return File(await self._hand_in(attrs.evolve(found, type="file"), content), found.name)

    async def _read(self, attachment: Attachment) -> bytes:
        assert attachment.path is not None
        roots = self._config.media_roots if isinstance(attachment, Named) else None
        return await self._disk(
            partial(read_media, attachment.path, largest=max(LARGEST.values()), taker="DingTalk", roots=roots)
        )

    async def _seconds(self, found: Upload, content: bytes) -> float | None:
        if found.media_type == "audio/wav" and (seconds := seconds_of_wav(content)):
            return seconds
        return await self._ffmpeg.seconds(content, found.media_type)

    async def _hand_in(self, upload: Upload, content: bytes) -> str:
        files = {"media": (upload.name, content, upload.media_type)}
        try:
            outcome = await self._rest.call_old("POST", UPLOAD, params={"type": upload.type}, files=files)
        except OutcomeUnknown as error:
            raise RateLimited(f"nobody knows whether DingTalk took {upload.name}: {error}") from error
        if outcome.category == "ok":
            return word(outcome.payload["media_id"])
        refusal = failure(outcome)
        if isinstance(refusal, RequestFailed):
            raise RequestFailed(f"{upload.name} as {upload.type}: {refusal}", code=refusal.code)
        raise refusal


def open_upload_client(config: DingTalk, network: Network) -> AbstractAsyncContextManager[HttpClient]:
    """Connections for files alone: those need more time than other calls."""
    return open_http_client(
        network=network, ca_file=config.ca_file, allow_insecure=config.allow_insecure, total=config.media_timeout
    )

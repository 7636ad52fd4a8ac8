"""Files become keys that Feishu knows them by, and keys become messages.

1. Uploads of an account are made one after another: at most one file of it is in memory.
2. An upload may be made again without harm, so one without an answer is only to be tried later.
3. What does not fit its kind goes as a file. What no kind fits is refused, by us or by Feishu.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Final

import attrs
import trio

from ....bots.media.ffmpeg import FFmpeg
from ....bots.media.files import read_media, shown_name
from ....bots.media.markers import FileKind, Named
from ....engine.executors import Executor
from ....errors import OutcomeUnknown, RateLimited, RequestFailed
from ....messages import Attachment
from ....transport.http import HttpClient, open_http_client
from ....transport.network import Network
from ..config import Feishu
from ..rest.codes import FILES, IMAGES
from ..rest.failures import failure
from ..rest.rest import Rest
from ..sending.contents import Content
from .keys import Keys
from .types import LARGEST_FILE, LARGEST_IMAGE, Upload, upload_of

COVER: Final = Upload("image", "cover.jpg", "image/jpeg")


@attrs.define(eq=False)
class Uploads:
    """Hands files in for one account. ``rest`` calls through :func:`open_upload_client`."""

    _config: Feishu
    _rest: Rest
    _disk: Executor
    _keys: Keys = attrs.field(factory=Keys, init=False)
    _ffmpeg: FFmpeg = attrs.field(
        default=attrs.Factory(
            lambda self: FFmpeg("", self._config.media_cover, self._disk, self._config.labels), takes_self=True
        ),
        init=False,
    )
    _one_at_a_time: trio.Lock = attrs.field(factory=trio.Lock, init=False)

    async def image(self, path: Path) -> str:
        """The image key of a picture of this machine.

        Raises:
          RequestFailed: it can't be read, is no picture that Feishu shows, or Feishu refused it.
          RateLimited, NotSent, AccountRefused, ConnectionLost: it was not taken; try again later.
        """
        async with self._one_at_a_time:
            content, digest = await self._read(Attachment(path))
            upload = upload_of("image", shown_name(path), content)
            if upload.shown_as != "image":
                raise RequestFailed(
                    f"{upload.name} is no picture that Feishu shows: JPEG, PNG, GIF, BMP or WebP, "
                    f"{LARGEST_IMAGE:,} bytes at most, and not too wide or high",
                    code="file",
                )
            return await self._hand_in(upload, content, digest)

    async def file(self, path: Path, *, kind: FileKind = "file", name: str = "") -> str:
        """The file key of a file of this machine. Raises what :meth:`image` does."""
        if kind == "image":
            raise RequestFailed("a picture has an image key, and no file key", code="file")
        async with self._one_at_a_time:
            content, digest = await self._read(Attachment(path))
            return await self._hand_in(upload_of(kind, shown_name(path, name), content), content, digest)

    async def message(self, attachment: Attachment) -> Content:
        """The message that shows a file, which is handed in for it. What an answer named must lie below the roots.

        Raises what :meth:`image` does.
        """
        if attachment.path is None:
            raise RequestFailed("an attachment without a path can't be sent", code="file")
        async with self._one_at_a_time:
            content, digest = await self._read(attachment)
            upload = upload_of(attachment.kind, shown_name(attachment.path, attachment.name), content)
            key = await self._hand_in(upload, content, digest)
            if upload.shown_as == "image":
                return Content.of("image", {"image_key": key})
            cover = await self._cover(upload, content, digest)
            return Content.of(upload.shown_as, {"file_key": key, **({"image_key": cover} if cover else {})})

    async def _read(self, attachment: Attachment) -> tuple[bytes, bytes]:
        """The content of a file, and its digest."""
        assert attachment.path is not None
        roots = self._config.media_roots if isinstance(attachment, Named) else None
        read = partial(read_media, attachment.path, largest=LARGEST_FILE, taker="Feishu", roots=roots)
        return await self._disk(lambda: _with_digest(read()))

    async def _cover(self, upload: Upload, content: bytes, digest: bytes) -> str:
        """The image key of the picture that stands for a video; empty where there is none."""
        if upload.shown_as != "media":
            return ""
        if key := self._keys.get(digest, COVER):
            return key
        picture = await self._ffmpeg.cover(content, upload.media_type)
        return "" if picture is None else await self._hand_in(COVER, picture, digest)

    async def _hand_in(self, upload: Upload, content: bytes, digest: bytes) -> str:
        if key := self._keys.get(digest, upload):
            return key
        part = (upload.name, content, upload.media_type)
        if upload.shown_as == "image":
            key = await self._call(IMAGES, upload, {"image_type": "message"}, {"image": part})
        else:
            length = {"duration": str(upload.milliseconds)} if upload.milliseconds else {}
            fields = {"file_type": upload.file_type, "file_name": upload.name, **length}
            key = await self._call(FILES, upload, fields, {"file": part})
        self._keys.put(digest, upload, key)
        return key

    async def _call(
        self, route: str, upload: Upload, fields: Mapping[str, str], files: Mapping[str, tuple[str, bytes, str]]
    ) -> str:
        try:
            outcome = await self._rest.call("POST", route, data=fields, files=files)
        except OutcomeUnknown as error:
            raise RateLimited(f"nobody knows whether Feishu took {upload.name}: {error}") from error
        if outcome.category == "ok":
            return str(outcome.data["image_key" if route == IMAGES else "file_key"])
        refusal = failure(outcome)
        if isinstance(refusal, RequestFailed):
            raise RequestFailed(f"{upload.name} as {upload.shown_as}: {refusal}", code=refusal.code)
        raise refusal


def open_upload_client(config: Feishu, network: Network) -> AbstractAsyncContextManager[HttpClient]:
    """Connections for files alone: those need more time than other calls."""
    return open_http_client(
        network=network, ca_file=config.ca_file, allow_insecure=config.allow_insecure, total=config.media_timeout
    )


def _with_digest(content: bytes) -> tuple[bytes, bytes]:
    return content, hashlib.sha256(content).digest()

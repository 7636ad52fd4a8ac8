"""Files of this machine on their way to a gateway."""

from __future__ import annotations

import errno
import mimetypes
import os
from base64 import b64encode
from functools import partial
from pathlib import Path

import attrs

from ....engine.executors import Executor
from ....errors import RequestFailed
from ....messages import Attachment


@attrs.frozen
class ChatFile:
    """A file that goes with a question."""

    name: str
    data: bytes = attrs.field(repr=False)
    media_type: str = "application/octet-stream"

    def dump(self) -> dict[str, str]:
        """As the gateway takes it."""
        kind = "image" if self.media_type.startswith("image/") else "file"
        content = b64encode(self.data).decode()
        return {"type": kind, "mimeType": self.media_type, "fileName": self.name, "content": content}


async def read_file(attachment: Attachment, disk: Executor, largest: int) -> ChatFile:
    """What an attachment names, as it goes with a text.

    Raises:
      RequestFailed: it can't be read, or has more than ``largest`` bytes.
    """
    if attachment.path is None:
        raise RequestFailed("an attachment without a path can't be sent", code="file")
    try:
        data = await disk(partial(_beginning, attachment.path, largest + 1))
    except OSError as error:
        raise RequestFailed(f"{attachment.path}: {error.strerror}", code="file") from error
    if len(data) > largest:
        raise RequestFailed(f"{attachment.path}: it has more than {largest} bytes", code="file")
    name = attachment.name or attachment.path.name
    return ChatFile(name, data, mimetypes.guess_type(name)[0] or "application/octet-stream")


def _beginning(path: Path, size: int) -> bytes:
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    with path.open("rb") as file:
        return file.read(size)

"""Received files on their way to a gateway: fetched, measured, and named where they can't be passed on.

1. What the gateway would refuse is not sent: one file too large would take the question with it.
2. What can't be fetched for good is named, too. What can't be fetched now is the message's failure: it is tried again.
3. No file stays: ours is a folder of the moment.
"""

from __future__ import annotations

import mimetypes
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

import attrs
import trio

from ...engine.executors import Executor
from ...errors import AccountRefused, RequestFailed
from ...messages import Attachment, Message
from ...platforms.openclaw.chat.files import ChatFile
from ...wire.filenames import safe_name
from .agent import PassedOn

MOST: Final = 10
"""Files of one message."""
CLEAN_UP: Final = 5.0
"""Seconds to take the folder away."""

_WORDS: Final = {"image": "picture", "audio": "recording", "video": "video", "file": "file"}
_PICTURES: Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"RIFF": "image/webp",
    b"BM": "image/bmp",
}
"""By how they begin: what strangers call their pictures proves nothing."""


@attrs.frozen(kw_only=True)
class Room:
    """How much a gateway takes, in bytes."""

    image: int
    """One picture."""
    file: int
    """One file of another kind."""
    whole: int
    """All of them, as they are sent."""


@attrs.frozen
class Passed:
    """What goes with a question, and what is said of the rest."""

    files: tuple[ChatFile, ...] = ()
    notes: tuple[str, ...] = ()


async def pass_on(message: Message, which: PassedOn, room: Room, disk: Executor) -> Passed:
    """The files of a message, as far as they are passed on.

    Raises:
      RateLimited, NotSent, ConnectionLost, StoreUnavailable: one of them can't be fetched now.
    """
    files: list[ChatFile] = []
    notes: list[str] = []
    if message.attachments:
        async with _folder(disk) as folder:
            for number, attachment in enumerate(message.attachments):
                if not _is_wanted(attachment, which) or number >= MOST:
                    notes.append(_note(attachment, "not passed on"))
                    continue
                try:
                    path = await message.download(attachment, to=folder)
                except (RequestFailed, AccountRefused) as error:
                    notes.append(_note(attachment, f"could not be fetched: {error}"))
                    continue
                size = (await disk(path.stat)).st_size
                if size > (room.image if attachment.kind == "image" else room.file) or _encoded(size) > room.whole:
                    notes.append(_note(attachment, f"too large to be passed on: {size} bytes"))
                    continue
                room = attrs.evolve(room, whole=room.whole - _encoded(size))
                files.append(_as_sent(attachment, await disk(path.read_bytes)))
    return Passed(tuple(files), tuple(notes))


def notes_on(message: Message) -> tuple[str, ...]:
    """What is said of files that don't go along."""
    return tuple(_note(attachment, "not passed on") for attachment in message.attachments)


@asynccontextmanager
async def _folder(disk: Executor) -> AsyncIterator[Path]:
    folder = Path(await disk(partial(tempfile.mkdtemp, prefix="trio-bridge-")))
    try:
        yield folder
    finally:
        with trio.move_on_after(CLEAN_UP, shield=True):
            await disk(partial(shutil.rmtree, folder, ignore_errors=True))


def _is_wanted(attachment: Attachment, which: PassedOn) -> bool:
    return which == "all" or (which == "images" and attachment.kind == "image")


def _as_sent(attachment: Attachment, data: bytes) -> ChatFile:
    name = safe_name(attachment.name, otherwise=_WORDS[attachment.kind])
    return ChatFile(name, data, _type_of(attachment, data))


def _type_of(attachment: Attachment, data: bytes) -> str:
    if attachment.kind == "image":
        return next((kind for start, kind in _PICTURES.items() if data.startswith(start)), "image/png")
    return mimetypes.guess_type(safe_name(attachment.name))[0] or "application/octet-stream"


def _note(attachment: Attachment, what: str) -> str:
    name = f" {safe_name(attachment.name)}" if attachment.name else ""
    return f"[{_WORDS[attachment.kind]}{name}: {what}]"


def _encoded(size: int) -> int:
    return -(-size // 3) * 4

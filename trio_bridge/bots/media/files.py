"""Files of this machine that are to be sent, read whole: only regular ones, and none that is too large.

All of it waits for the disk, and is to be called where that may take its time.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ...errors import NotSent, RequestFailed
from ...wire.filenames import safe_name
from .formats import ending_of

PASSING: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO, errno.EAGAIN, errno.ESTALE})
"""Errors that say more about the machine than about the file: another time it may be read."""

PIECE: Final = 64 * 1024
"""Bytes that are read at a time at least."""

_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
"""Without ``O_NONBLOCK`` a pipe that took the place of the file would keep us until somebody writes into it."""


def read_media(path: Path, *, largest: int, taker: str, roots: Sequence[Path] | None = None) -> bytes:
    """The content of a file, for a ``taker`` of whom errors speak.

    With ``roots`` it must lie below one of them, whatever links lead there.

    Raises:
      RequestFailed: it is not there, not allowed, no regular file, empty, or too large.
      NotSent: it can't be read now.
    """
    try:
        place = _resolved(path, roots)
        if not stat.S_ISREG(place.stat().st_mode):  # before it is opened: opening some devices does something
            raise _refused(path, "it is not a regular file")
        with os.fdopen(os.open(place, _FLAGS), "rb", buffering=0) as file:
            return _content(path, place, file.fileno(), largest, taker)
    except OSError as error:
        if error.errno in PASSING:
            raise NotSent(f"the file {path.name} can't be read now: {error.strerror}") from error
        raise _refused(path, (error.strerror or "it can't be read").lower()) from error
    except ValueError as error:  # a NUL, or what no file system can spell
        raise _refused(path, "there can be no such name") from error


def shown_name(path: Path, given: str = "") -> str:
    """What people call the file, with the ending that says what it is."""
    own = safe_name(path.name)
    name = safe_name(given, otherwise=own)
    return f"{name}.{ending_of(own)}" if ending_of(own) and not ending_of(name) else name


def _resolved(path: Path, roots: Sequence[Path] | None) -> Path:
    """Where the file really lies."""
    if roots is None:
        return Path(os.path.realpath(path, strict=True))
    if not path.is_absolute():
        raise _refused(path, "its path is not absolute")
    place = Path(os.path.realpath(path, strict=True))
    if not any(place.is_relative_to(os.path.realpath(root)) for root in roots):
        raise _refused(path, "it is not below media_roots")
    return place


def _content(path: Path, place: Path, descriptor: int, largest: int, taker: str) -> bytes:
    found = os.fstat(descriptor)
    # The way there may have been bent since it was looked at.
    if os.path.realpath(place) != str(place) or not os.path.samestat(found, place.stat(follow_symlinks=False)):
        raise _refused(path, "it was replaced meanwhile")
    if not stat.S_ISREG(found.st_mode):
        raise _refused(path, "it is not a regular file")
    if found.st_size > largest:
        raise _refused(path, f"it has {found.st_size:,} bytes, and {taker} takes {largest:,} at most")
    pieces, left = list[bytes](), largest + 1
    # Of some files the size is said to be 0, and others grow.
    while left and (piece := os.read(descriptor, min(left, max(found.st_size + 1, PIECE)))):
        pieces.append(piece)
        left -= len(piece)
    if not left:
        raise _refused(path, f"it grew beyond the {largest:,} bytes that {taker} takes")
    if not pieces:
        raise _refused(path, "it is empty")
    return b"".join(pieces)


def _refused(path: Path, reason: str) -> RequestFailed:
    return RequestFailed(f"the file {path.name} can't be sent: {reason}", code="file")

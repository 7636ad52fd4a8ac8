"""As what DingTalk takes a file, by its first bytes and the ending of its name. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import attrs

from ....bots.media.formats import OGG, WEBP, ending_of, format_of
from ....bots.media.markers import FileKind

UploadType = Literal["image", "voice", "video", "file"]
"""The kinds of media that DingTalk keeps."""

TYPES: Final[Mapping[FileKind, UploadType]] = {"image": "image", "audio": "voice", "video": "video", "file": "file"}

MEBIBYTE: Final = 2**20

LARGEST: Final[Mapping[UploadType, int]] = {
    "image": 20 * MEBIBYTE,
    "voice": 2 * MEBIBYTE,
    "video": 20 * MEBIBYTE,
    "file": 20 * MEBIBYTE,
}
"""Bytes that DingTalk takes of each kind, as documented."""

UNKNOWN: Final = frozenset({OGG, WEBP})
"""What DingTalk does not know."""

_BY_ENDING: Final[Mapping[str, str]] = {
    "doc": "application/msword",
    "xls": "application/vnd.ms-excel",
    "ppt": "application/vnd.ms-powerpoint",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}
"""Where one format serves several programs."""


@attrs.frozen
class Upload:
    """How a file is handed in."""

    type: UploadType
    name: str
    media_type: str


def upload_of(wanted: UploadType, name: str, head: bytes, size: int) -> Upload:
    """How a file of this name and content is handed in: as what is ``wanted`` if it is that, else as a file.

    It is that if its first bytes and the ending of its name say so, and if it is not too large for it. A name without
    an ending gets the one of its format.
    """
    found = format_of(head)
    if found is None or found in UNKNOWN:
        return Upload("file", name, "application/octet-stream")
    if not ending_of(name):
        name = f"{name}.{found.endings[0]}"
    ending = ending_of(name)
    if ending not in found.endings:
        return Upload("file", name, "application/octet-stream")
    fits = TYPES[found.kind] == wanted and size <= LARGEST[wanted]
    return Upload(wanted if fits else "file", name, _BY_ENDING.get(ending, found.media_type))

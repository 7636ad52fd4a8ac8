"""As what Feishu takes a file, by what is in it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import attrs

from ....bots.media.durations import seconds_of_mp4, seconds_of_opus
from ....bots.media.formats import GIF, HEAD, MP4, OGG, Format, ending_of, format_of
from ....bots.media.markers import FileKind
from ....bots.media.pictures import size_of

FileType = Literal["opus", "mp4", "pdf", "doc", "xls", "ppt", "stream"]
"""What Feishu wants to be told of a file. ``stream`` is every other."""
ShownAs = Literal["image", "audio", "media", "file"]
"""The kinds of messages that show a file. ``media`` is Feishu's word for a video."""

MEBIBYTE: Final = 2**20
LARGEST_IMAGE: Final = 10 * MEBIBYTE
LARGEST_FILE: Final = 30 * MEBIBYTE

LONGEST_SIDE: Final = 12_000
"""Pixels of a picture in either direction."""
LONGEST_SIDE_OF_GIF: Final = 2_000

_BY_ENDING: Final[Mapping[str, FileType]] = {
    "pdf": "pdf",
    "doc": "doc",
    "docx": "doc",
    "xls": "xls",
    "xlsx": "xls",
    "ppt": "ppt",
    "pptx": "ppt",
}
"""Files that people open in Feishu itself."""


@attrs.frozen
class Upload:
    """How a file is handed in."""

    shown_as: ShownAs
    """What may show it: Feishu refuses a message of another kind."""
    name: str
    media_type: str
    file_type: FileType = "stream"
    """Of a picture nobody asks."""
    milliseconds: int = 0
    """How long a recording or a video is; 0: nobody can tell."""


def upload_of(wanted: FileKind, name: str, content: bytes) -> Upload:
    """How a file of this name and content is handed in: as what is ``wanted`` if it is that, else as a file.

    A recording is one only in Opus. A name without an ending gets the one of its format.
    """
    found = format_of(content[:HEAD])
    if found is not None and not ending_of(name):
        name = f"{name}.{found.endings[0]}"
    media_type = "application/octet-stream" if found is None else found.media_type
    match wanted:
        case "image" if found is not None and found.kind == "image" and _is_shown(found, content):
            return Upload("image", name, media_type)
        case "audio" if found == OGG and (seconds := seconds_of_opus(content)):
            return Upload("audio", name, media_type, "opus", int(seconds * 1000))
        case "video" if found == MP4:
            return Upload("media", name, media_type, "mp4", int((seconds_of_mp4(content) or 0) * 1000))
    return Upload("file", name, media_type, _BY_ENDING.get(ending_of(name), "stream"))


def _is_shown(found: Format, content: bytes) -> bool:
    """Whether Feishu shows the picture. Of one that does not tell how large it is, Feishu may find out."""
    longest = LONGEST_SIDE_OF_GIF if found == GIF else LONGEST_SIDE
    return len(content) <= LARGEST_IMAGE and max(size_of(content) or (0, 0)) <= longest

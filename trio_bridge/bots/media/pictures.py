"""How large pictures are, in pixels, by their own headers. Pure, and silent about what it can't read."""

from __future__ import annotations

import struct

Size = tuple[int, int]
"""Width and height."""


def size_of(content: bytes) -> Size | None:
    """The size of a picture; ``None`` where it does not tell, or is none that we know."""
    try:
        return _size(content)
    except struct.error:  # it ends too soon
        return None


def _size(content: bytes) -> Size | None:
    if content.startswith(b"\x89PNG\r\n\x1a\n") and content[12:16] == b"IHDR":
        return _pair(">II", content, 16)
    if content.startswith((b"GIF87a", b"GIF89a")):
        return _pair("<HH", content, 6)
    if content.startswith(b"BM"):
        width, height = _pair("<ii", content, 18)
        return width, abs(height)  # the rows of some are told from the top
    if content.startswith(b"\xff\xd8\xff"):
        return _size_of_jpeg(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return _size_of_webp(content)
    return None


def _size_of_jpeg(content: bytes) -> Size | None:
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF:
        kind = content[place + 1]
        if kind == 0xFF:  # padding
            place += 1
        elif 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = _pair(">HH", content, place + 5)
            return width, height
        else:
            (length,) = struct.unpack_from(">H", content, place + 2)
            place += 2 + length
    return None


def _size_of_webp(content: bytes) -> Size | None:
    match content[12:16]:
        case b"VP8X":
            return _little(content, 24) + 1, _little(content, 27) + 1
        case b"VP8L":
            (bits,) = struct.unpack_from("<I", content, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            width, height = _pair("<HH", content, 26)
            return width & 0x3FFF, height & 0x3FFF
    return None


def _little(content: bytes, place: int) -> int:
    """Three bytes, the least of them first."""
    low, high = struct.unpack_from("<HB", content, place)
    return int(low | high << 16)


def _pair(layout: str, content: bytes, place: int) -> Size:
    first, second = struct.unpack_from(layout, content, place)
    return first, second

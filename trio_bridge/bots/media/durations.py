"""How long recordings and videos are, by their own headers. Pure, and silent about what it can't read."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

OPUS_RATE: Final = 48_000
"""Samples per second by which every Opus recording is counted, whatever it was recorded with."""

_PAGE: Final = b"OggS"
_PAGE_HEADER: Final = 27


def seconds_of_wav(content: bytes) -> float | None:
    """How long a recording in WAV is; ``None`` where that is not told."""
    place, rate = 12, 0
    while place + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, place)
        if name == b"fmt " and size >= 16 and place + 24 <= len(content):
            (rate,) = struct.unpack_from("<I", content, place + 16)
        if name == b"data":
            # Whoever writes into a pipe can't know the size beforehand, and says 0 or a huge one.
            heard = min(size or len(content), len(content) - place - 8)
            return heard / rate if rate and heard else None
        place += 8 + size + size % 2
    return None


def seconds_of_opus(content: bytes) -> float | None:
    """How long a recording in Opus is, in its usual form of Ogg pages; ``None`` where it is no such recording."""
    if not content.startswith(_PAGE) or len(content) < _PAGE_HEADER:
        return None
    head = _PAGE_HEADER + content[_PAGE_HEADER - 1]  # behind the table of the first page's segments
    if content[head : head + 8] != b"OpusHead" or head + 12 > len(content):
        return None
    (skipped,) = struct.unpack_from("<H", content, head + 10)
    last = len(content)
    while (last := content.rfind(_PAGE, 0, last)) > 0:
        if last + _PAGE_HEADER > len(content):
            continue
        (end,) = struct.unpack_from("<q", content, last + 6)
        if end > skipped:  # -1: no packet ends on that page
            return float((end - skipped) / OPUS_RATE)
    return None


def seconds_of_mp4(content: bytes) -> float | None:
    """How long a video in MP4 is; ``None`` where that is not told, as in a film that is sent in fragments."""
    for begin, end in _boxes(content, b"moov", 0, len(content)):
        for place, _ in _boxes(content, b"mvhd", begin, end):
            layout = ">12xII" if content[place : place + 1] == b"\0" else ">20xIQ"
            if place + struct.calcsize(layout) > end:
                return None
            rate, length = struct.unpack_from(layout, content, place)
            return length / rate if rate and length else None
    return None


def _boxes(content: bytes, name: bytes, place: int, end: int) -> Iterator[tuple[int, int]]:
    """From where to where the boxes of a name have their content."""
    while place + 8 <= end:
        size, found = struct.unpack_from(">I4s", content, place)
        header = 8
        if size == 1 and place + 16 <= end:
            (size,) = struct.unpack_from(">Q", content, place + 8)
            header = 16
        following = place + size if size else end  # 0: up to the end
        if following < place + header or following > end:
            return
        if found == name:
            yield place + header, following
        place = following

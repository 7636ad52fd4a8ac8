"""Small files of every kind that we know, as bytes."""

from __future__ import annotations

import struct

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 24
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 24
GIF = b"GIF89a" + b"\0" * 24
BMP = b"BM" + b"\0" * 24
AMR = b"#!AMR\n" + b"\x3c" * 32
MP3 = b"ID3\x04\0\0" + b"\0" * 24
MP4 = b"\0\0\0\x18ftypisom\0\0\x02\0" + b"\0" * 24
PDF = b"%PDF-1.7\n%%EOF\n"
ZIP = b"PK\x03\x04" + b"\0" * 26
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 24
RAR = b"Rar!\x1a\x07\x01\0" + b"\0" * 24

EACH = {
    "png": PNG,
    "jpg": JPEG,
    "jpeg": JPEG,
    "gif": GIF,
    "bmp": BMP,
    "amr": AMR,
    "mp3": MP3,
    "mp4": MP4,
    "pdf": PDF,
    "zip": ZIP,
    "docx": ZIP,
    "xlsx": ZIP,
    "pptx": ZIP,
    "doc": OLE,
    "xls": OLE,
    "ppt": OLE,
    "rar": RAR,
}


def wav(seconds: float = 1.5, *, rate: int = 8000, declared: int | None = None, before: bytes = b"") -> bytes:
    """A recording with one byte for each sample."""
    sound = b"\x80" * int(seconds * rate)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate, rate, 1, 8)
    size = len(sound) if declared is None else declared
    body = b"WAVE" + form + before + struct.pack("<4sI", b"data", size) + sound
    return struct.pack("<4sI", b"RIFF", len(body) % 2**32) + body

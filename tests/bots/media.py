"""Small files of every kind that we know, as bytes."""

from __future__ import annotations

import struct

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 24
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 24
GIF = b"GIF89a" + b"\0" * 24
BMP = b"BM" + b"\0" * 24
AMR = b"#!AMR\n" + b"\x3c" * 32
WEBP = b"RIFF\x1a\0\0\0WEBPVP8L" + b"\0" * 24
MP3 = b"ID3\x04\0\0" + b"\0" * 24
OGG = b"OggS" + b"\0" * 24
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


def opus(seconds: float = 1.5, *, skipped: int = 312, after: bytes = b"") -> bytes:
    """A recording in two pages, the second of which tells where it ends."""
    head = b"OpusHead\1\1" + struct.pack("<H", skipped) + b"\x80\xbb\0\0\0\0\0"
    first = b"OggS\0\2" + b"\0" * 20 + bytes([1, len(head)]) + head
    end = struct.pack("<q", skipped + int(seconds * 48_000)) if seconds else b"\0" * 8
    return first + b"OggS\0\4" + end + b"\0" * 12 + b"\1\3abc" + after


def mp4(seconds: float = 1.5, *, version: int = 0, before: bytes = b"") -> bytes:
    """A video of which only the header is there."""
    times = ">8xII" if version == 0 else ">16xIQ"
    movie = bytes([version, 0, 0, 0]) + struct.pack(times, 1000, int(seconds * 1000)) + b"\0" * 80
    header = box(b"moov", box(b"udta", b"x") + box(b"mvhd", movie))
    return box(b"ftyp", b"isom\0\0\2\0") + before + header


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", len(content) + 8, name) + content


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + b"\x08\2\0\0\0"


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height) + b"\0" * 3


def jpeg(width: int, height: int) -> bytes:
    begin = b"\xff\xd8\xff\xe0" + struct.pack(">H", 16) + b"JFIF" + b"\0" * 10
    return begin + b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\1\x11\0"

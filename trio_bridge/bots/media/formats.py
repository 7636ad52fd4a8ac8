"""What a file is, by its first bytes. Pure."""

from __future__ import annotations

from typing import Final

import attrs

from .markers import FileKind

HEAD: Final = 16
"""Bytes that tell the format."""


@attrs.frozen
class Format:
    """How the content of a file is written. The first of its endings is the usual one."""

    kind: FileKind
    media_type: str
    endings: tuple[str, ...]


JPEG: Final = Format("image", "image/jpeg", ("jpg", "jpeg"))
PNG: Final = Format("image", "image/png", ("png",))
GIF: Final = Format("image", "image/gif", ("gif",))
BMP: Final = Format("image", "image/bmp", ("bmp",))
WEBP: Final = Format("image", "image/webp", ("webp",))
AMR: Final = Format("audio", "audio/amr", ("amr",))
MP3: Final = Format("audio", "audio/mpeg", ("mp3",))
OGG: Final = Format("audio", "audio/ogg", ("ogg", "opus", "oga"))
WAV: Final = Format("audio", "audio/wav", ("wav",))
MP4: Final = Format("video", "video/mp4", ("mp4",))
PDF: Final = Format("file", "application/pdf", ("pdf",))
RAR: Final = Format("file", "application/vnd.rar", ("rar",))
ZIP: Final = Format("file", "application/zip", ("zip", "docx", "xlsx", "pptx"))
OLE: Final = Format("file", "application/x-ole-storage", ("doc", "xls", "ppt"))
FORMATS: Final = (JPEG, PNG, GIF, BMP, WEBP, AMR, MP3, OGG, WAV, MP4, PDF, RAR, ZIP, OLE)

_SIGNATURES: Final = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"BM", BMP),
    (b"#!AMR", AMR),
    (b"ID3", MP3),
    (b"OggS", OGG),
    (b"%PDF-", PDF),
    (b"Rar!\x1a\x07", RAR),
    (b"PK\x03\x04", ZIP),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", OLE),
)
_RIFF: Final = {b"WAVE": WAV, b"WEBP": WEBP}
_OTHER_BRANDS: Final = (b"qt  ", b"M4A ", b"M4B ", b"heic", b"heix", b"mif1", b"avif")
"""What looks like MP4 and is none: QuickTime, audio alone, pictures."""


def format_of(head: bytes) -> Format | None:
    """The format of a file that begins with ``head``; ``None``: none that we know."""
    if head[4:8] == b"ftyp":
        return None if head[8:12] in _OTHER_BRANDS else MP4
    if head[:4] == b"RIFF":
        return _RIFF.get(head[8:12])
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2:  # a frame of layer III, without tags before it
        return MP3
    return next((found for signature, found in _SIGNATURES if head.startswith(signature)), None)


def ending_of(name: str) -> str:
    """In lower case; empty where a name has none."""
    stem, dot, ending = name.rpartition(".")
    return ending.lower() if dot and stem else ""

"""As what a file is handed in."""

from __future__ import annotations

import pytest

from tests.bots.media import AMR, GIF, JPEG, MP3, MP4, OLE, PDF, PNG, ZIP, wav
from trio_bridge.bots.media.formats import HEAD
from trio_bridge.platforms.dingtalk.media.types import LARGEST, Upload, UploadType, upload_of

OFFICE = "application/vnd.openxmlformats-officedocument"
MIB = 2**20


@pytest.mark.parametrize(
    ("wanted", "name", "content", "upload"),
    [
        ("image", "a.png", PNG, Upload("image", "a.png", "image/png")),
        ("image", "A.JPEG", JPEG, Upload("image", "A.JPEG", "image/jpeg")),
        ("image", "a.gif", GIF, Upload("image", "a.gif", "image/gif")),
        ("voice", "a.amr", AMR, Upload("voice", "a.amr", "audio/amr")),
        ("voice", "a.mp3", MP3, Upload("voice", "a.mp3", "audio/mpeg")),
        ("voice", "a.mp3", b"\xff\xfb\x90\0" * 8, Upload("voice", "a.mp3", "audio/mpeg")),
        ("voice", "a.wav", wav(), Upload("voice", "a.wav", "audio/wav")),
        ("video", "a.mp4", MP4, Upload("video", "a.mp4", "video/mp4")),
        ("file", "a.pdf", PDF, Upload("file", "a.pdf", "application/pdf")),
        ("file", "a.docx", ZIP, Upload("file", "a.docx", f"{OFFICE}.wordprocessingml.document")),
        ("file", "a.xls", OLE, Upload("file", "a.xls", "application/vnd.ms-excel")),
        # A name without an ending gets one.
        ("image", "a", PNG, Upload("image", "a.png", "image/png")),
        ("image", ".png", PNG, Upload("image", ".png.png", "image/png")),
        # What is not what it is called, or not what was asked for, goes as a file.
        ("image", "a.png", JPEG, Upload("file", "a.png", "application/octet-stream")),
        ("image", "a.png", b"#!/bin/sh\n", Upload("file", "a.png", "application/octet-stream")),
        ("image", "a.pdf", PDF, Upload("file", "a.pdf", "application/pdf")),
        ("voice", "a.ogg", b"OggS" + b"\0" * 20, Upload("file", "a.ogg", "application/octet-stream")),
        ("video", "a.mov", MP4.replace(b"isom", b"qt  "), Upload("file", "a.mov", "application/octet-stream")),
        ("video", "a.mp4", MP4.replace(b"isom", b"M4A "), Upload("file", "a.mp4", "application/octet-stream")),
        ("voice", "a.wav", wav().replace(b"WAVE", b"AVI "), Upload("file", "a.wav", "application/octet-stream")),
        ("file", "a.png", PNG, Upload("file", "a.png", "image/png")),
        ("file", "notes", b"hello", Upload("file", "notes", "application/octet-stream")),
    ],
)
def test_as_what_a_file_is_handed_in(wanted: UploadType, name: str, content: bytes, upload: Upload) -> None:
    assert upload_of(wanted, name, content[:HEAD], len(content)) == upload


def test_what_is_too_large_for_its_kind_goes_as_a_file() -> None:
    assert upload_of("voice", "a.mp3", MP3, 2 * MIB).type == "voice"
    assert upload_of("voice", "a.mp3", MP3, 2 * MIB + 1).type == "file"
    assert {LARGEST["image"], LARGEST["video"], LARGEST["file"]} == {20 * MIB}

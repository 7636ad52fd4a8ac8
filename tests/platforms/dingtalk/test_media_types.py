"""What a file is, and as what it is handed in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.platforms.dingtalk.media import AMR, EACH, GIF, JPEG, MP3, MP4, OLE, PDF, PNG, ZIP, wav
from trio_bridge.platforms.dingtalk.media.types import (
    HEAD,
    LARGEST,
    Upload,
    UploadType,
    ending_of,
    format_of,
    seconds_of_wav,
    upload_of,
)

OFFICE = "application/vnd.openxmlformats-officedocument"
MIB = 2**20


@pytest.mark.parametrize(("ending", "content"), EACH.items())
def test_every_documented_kind_is_known_by_its_first_bytes(ending: str, content: bytes) -> None:
    found = format_of(content[:HEAD])
    assert found is not None
    assert ending in found.endings


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


@pytest.mark.parametrize(
    ("name", "ending"), [("a.PDF", "pdf"), ("a.tar.gz", "gz"), ("a", ""), (".png", ""), ("a.", "")]
)
def test_the_ending_of_a_name(name: str, ending: str) -> None:
    assert ending_of(name) == ending


def test_how_long_a_recording_is() -> None:
    assert seconds_of_wav(wav(1.5)) == 1.5
    assert seconds_of_wav(wav(2, before=b"LIST\x03\0\0\0abc\0")) == 2  # an odd chunk is padded


@pytest.mark.parametrize("declared", [0, 2**32 - 1])
def test_a_recording_that_was_piped_is_as_long_as_what_there_is(declared: int) -> None:
    assert seconds_of_wav(wav(1.5, declared=declared)) == 1.5


def test_a_header_that_says_nothing_is_no_time() -> None:
    assert seconds_of_wav(wav(0)) is None
    assert seconds_of_wav(wav(1)[:40]) is None
    assert seconds_of_wav(wav(1).replace(b"fmt ", b"junk")) is None


@given(st.binary(max_size=200))
def test_nothing_breaks_them(content: bytes) -> None:
    format_of(content)
    seconds_of_wav(b"RIFF\0\0\0\0WAVE" + content)
    seconds_of_wav(wav(0.01).replace(b"\x80", content[:1] or b"\0")[: len(content)])

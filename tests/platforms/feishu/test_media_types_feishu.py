"""As what Feishu gets a file."""

from __future__ import annotations

import pytest

from tests.bots.media import AMR, GIF, JPEG, MP3, MP4, OGG, OLE, PDF, PNG, WEBP, ZIP, gif, mp4, opus, png, wav
from trio_bridge.bots.media.markers import FileKind
from trio_bridge.platforms.feishu.media.types import LARGEST_IMAGE, ShownAs, Upload, upload_of

BYTES = "application/octet-stream"


@pytest.mark.parametrize(
    ("wanted", "name", "content", "upload"),
    [
        ("image", "a.png", PNG, Upload("image", "a.png", "image/png")),
        ("image", "a.jpg", JPEG, Upload("image", "a.jpg", "image/jpeg")),
        ("image", "a.webp", WEBP, Upload("image", "a.webp", "image/webp")),
        # The content decides: a picture is one whatever it is called, and a text is none.
        ("image", "a.jpg", PNG, Upload("image", "a.jpg", "image/png")),
        ("image", "a.png", b"#!/bin/sh\n", Upload("file", "a.png", BYTES)),
        ("audio", "a.opus", opus(4.5), Upload("audio", "a.opus", "audio/ogg", "opus", 4500)),
        ("audio", "a.ogg", opus(4.5), Upload("audio", "a.ogg", "audio/ogg", "opus", 4500)),
        # Recordings that Feishu does not play go as files.
        ("audio", "a.ogg", OGG, Upload("file", "a.ogg", "audio/ogg")),
        ("audio", "a.mp3", MP3, Upload("file", "a.mp3", "audio/mpeg")),
        ("audio", "a.amr", AMR, Upload("file", "a.amr", "audio/amr")),
        ("audio", "a.wav", wav(), Upload("file", "a.wav", "audio/wav")),
        ("video", "a.mp4", mp4(61.5), Upload("media", "a.mp4", "video/mp4", "mp4", 61500)),
        ("video", "a.mp4", MP4, Upload("media", "a.mp4", "video/mp4", "mp4")),
        ("video", "a.mov", MP4.replace(b"isom", b"qt  "), Upload("file", "a.mov", BYTES)),
        # Shown as a file, it must not be handed in as anything else: Feishu refuses the message.
        ("file", "a.mp4", mp4(3), Upload("file", "a.mp4", "video/mp4")),
        ("file", "a.opus", opus(3), Upload("file", "a.opus", "audio/ogg")),
        ("file", "a.png", PNG, Upload("file", "a.png", "image/png")),
        ("file", "a.PDF", PDF, Upload("file", "a.PDF", "application/pdf", "pdf")),
        ("file", "a.docx", ZIP, Upload("file", "a.docx", "application/zip", "doc")),
        ("file", "a.xls", OLE, Upload("file", "a.xls", "application/x-ole-storage", "xls")),
        ("file", "a.pptx", ZIP, Upload("file", "a.pptx", "application/zip", "ppt")),
        ("file", "notes", b"hello", Upload("file", "notes", BYTES)),
        # A name without an ending gets one.
        ("image", "a", PNG, Upload("image", "a.png", "image/png")),
        ("file", "a", PDF, Upload("file", "a.pdf", "application/pdf", "pdf")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_as_what_a_file_is_handed_in(wanted: FileKind, name: str, content: bytes, upload: Upload) -> None:
    assert upload_of(wanted, name, content) == upload


@pytest.mark.parametrize(
    ("picture", "shown_as"),
    [
        (gif(2000, 2000), "image"),
        (gif(2001, 10), "file"),
        (gif(10, 2001), "file"),
        (png(12_000, 12_000), "image"),
        (png(12_001, 10), "file"),
        (GIF + b"\0" * (LARGEST_IMAGE - len(GIF)), "image"),
        (GIF + b"\0" * (LARGEST_IMAGE + 1 - len(GIF)), "file"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_picture_that_is_too_large_to_be_shown_goes_as_a_file(picture: bytes, shown_as: ShownAs) -> None:
    assert upload_of("image", "a", picture).shown_as == shown_as

"""How large pictures are."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bots.media import PDF, gif, jpeg, png
from trio_bridge.bots.media.pictures import size_of


def webp(kind: bytes, body: bytes) -> bytes:
    return struct.pack("<4sI4s4sI", b"RIFF", 100, b"WEBP", kind, len(body)) + body


@pytest.mark.parametrize(
    ("kind", "picture"),
    [
        ("png", png(300, 200)),
        ("gif", gif(300, 200)),
        ("jpeg", jpeg(300, 200)),
        ("jpeg, padded", jpeg(300, 200).replace(b"\xff\xc0", b"\xff\xff\xff\xc0")),
        ("jpeg, tables first", jpeg(300, 200).replace(b"\xff\xc0", b"\xff\xc4\0\6\0\1\0\2\xff\xc0")),
        ("bmp", b"BM" + b"\0" * 16 + struct.pack("<ii", 300, 200)),
        ("bmp from the top", b"BM" + b"\0" * 16 + struct.pack("<ii", 300, -200)),
        ("webp, lossy", webp(b"VP8 ", b"\0" * 6 + struct.pack("<HH", 300, 200))),
        ("webp, lossless", webp(b"VP8L", b"\x2f" + struct.pack("<I", 299 | 199 << 14))),
        ("webp, extended", webp(b"VP8X", b"\0" * 4 + (299).to_bytes(3, "little") + (199).to_bytes(3, "little"))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_picture_tells_its_size(kind: str, picture: bytes) -> None:
    assert size_of(picture) == (300, 200)


def test_what_is_cut_off_or_no_picture_tells_nothing() -> None:
    assert size_of(PDF) is None
    assert size_of(png(300, 200)[:20]) is None
    assert size_of(jpeg(300, 200)[:24]) is None
    assert size_of(webp(b"ALPH", b"\0" * 20)) is None


@given(
    st.sampled_from([png(3, 2), gif(3, 2), jpeg(3, 2), b"BM", b"RIFF\0\0\0\0WEBP"]),
    st.binary(max_size=60),
    st.integers(0, 40),
)
def test_no_file_breaks_it(picture: bytes, rest: bytes, cut: int) -> None:
    size_of(picture[:cut] + rest)

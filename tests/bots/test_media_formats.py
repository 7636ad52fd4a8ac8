"""What a file is, and how long it takes to listen to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bots.media import EACH, wav
from trio_bridge.bots.media.formats import HEAD, ending_of, format_of, seconds_of_wav


@pytest.mark.parametrize(("ending", "content"), EACH.items())
def test_every_documented_kind_is_known_by_its_first_bytes(ending: str, content: bytes) -> None:
    found = format_of(content[:HEAD])
    assert found is not None
    assert ending in found.endings


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

"""How long it takes to listen to a recording, or to look at a video."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bots.media import box, mp4, opus, wav
from trio_bridge.bots.media.durations import seconds_of_mp4, seconds_of_opus, seconds_of_wav


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


def test_how_long_a_recording_in_opus_is() -> None:
    assert seconds_of_opus(opus(4.5)) == 4.5
    assert seconds_of_opus(opus(4.5) + opus(4.5)[:20]) == 4.5  # the last page is cut off


@pytest.mark.parametrize("changed", [(b"OpusHead", b"vorbis\0\0"), (b"OggS", b"OggX")])
def test_what_is_no_opus_has_no_time(changed: tuple[bytes, bytes]) -> None:
    assert seconds_of_opus(opus(4.5).replace(*changed)) is None


def test_a_page_on_which_no_packet_ends_says_nothing() -> None:
    assert seconds_of_opus(opus(4.5, after=b"OggS\0\0" + b"\xff" * 8 + b"\0" * 13)) == 4.5
    assert seconds_of_opus(opus(0)) is None


@pytest.mark.parametrize("version", [0, 1])
def test_how_long_a_video_is(version: int) -> None:
    assert seconds_of_mp4(mp4(61.5, version=version)) == 61.5


def test_a_video_may_have_large_boxes_before_what_tells() -> None:
    large = b"\0\0\0\1mdat" + (16 + 9).to_bytes(8) + b"x" * 9
    assert seconds_of_mp4(mp4(3, before=large)) == 3


def test_a_video_that_does_not_tell_has_no_time() -> None:
    assert seconds_of_mp4(mp4(0)) is None
    assert seconds_of_mp4(mp4(3).replace(b"mvhd", b"free")) is None
    assert seconds_of_mp4(mp4(3)[:-10]) is None
    assert seconds_of_mp4(box(b"moov", box(b"mvhd", b"\0"))) is None


@given(st.binary(max_size=200), st.integers(0, 300))
def test_no_file_breaks_them(content: bytes, cut: int) -> None:
    seconds_of_wav(b"RIFF\0\0\0\0WAVE" + content)
    seconds_of_wav(wav(0.01).replace(b"\x80", content[:1] or b"\0")[: len(content)])
    for whole in (opus(2), mp4(2)):
        seconds_of_opus(whole[:cut] + content)
        seconds_of_mp4(whole[:cut] + content)

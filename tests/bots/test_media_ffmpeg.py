"""What other programs know about recordings and videos. Those here are scripts, so that none has to be installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bots.media import JPEG, MP3, MP4
from trio_bridge.bots.media.ffmpeg import FFmpeg
from trio_bridge.engine.executors import in_thread

Script = Callable[[str], Path]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    def write(body: str) -> Path:
        path = tmp_path / "program"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o700)
        return path

    return write


def probe(*, ffprobe: Path | str = "", ffmpeg: Path | str = "") -> FFmpeg:
    return FFmpeg(str(ffprobe), str(ffmpeg), in_thread())


async def test_the_program_gets_the_file_as_its_input_and_the_format_as_a_word(script: Script, tmp_path: Path) -> None:
    program = script(f'echo "$@" > {tmp_path}/said; wc -c > {tmp_path}/size; echo 12.345')
    assert await probe(ffprobe=program).seconds(MP3, "audio/mpeg") == 12.345
    assert int((tmp_path / "size").read_text()) == len(MP3)
    said = (tmp_path / "said").read_text()
    assert "-protocol_whitelist file,pipe -f mp3 -i /dev/stdin" in said


async def test_the_input_can_be_opened_anew_and_sought_in(script: Script) -> None:
    program = script(f"tail -c 4 /dev/stdin > /dev/null; test $(wc -c < /dev/stdin) = {len(MP4)} && echo 3")
    assert await probe(ffprobe=program).seconds(MP4, "video/mp4") == 3


async def test_the_program_knows_no_secret_of_the_bridge(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DINGTALK_SECRET", "canary")
    program = script(f"env > {tmp_path}/told; echo 3")
    assert await probe(ffprobe=program).seconds(MP3, "audio/mpeg") == 3
    assert "canary" not in (tmp_path / "told").read_text()


async def test_a_cover_is_what_the_program_prints(script: Script, tmp_path: Path) -> None:
    (tmp_path / "picture").write_bytes(JPEG)
    assert await probe(ffmpeg=script(f"cat {tmp_path}/picture")).cover(MP4, "video/mp4") == JPEG


@pytest.mark.parametrize("body", ["exit 1", "echo N/A", "echo -1", "echo nan", "echo inf", "true", "echo 3; exit 7"])
async def test_a_program_that_does_not_know_says_nothing(script: Script, body: str) -> None:
    program = script(body)
    assert await probe(ffprobe=program).seconds(MP3, "audio/mpeg") is None
    assert await probe(ffmpeg=program).cover(MP4, "video/mp4") is None


async def test_a_cover_that_is_too_large_is_none(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trio_bridge.bots.media.ffmpeg.COVER", len(JPEG) - 1)
    (tmp_path / "picture").write_bytes(JPEG)
    assert await probe(ffmpeg=script(f"cat {tmp_path}/picture")).cover(MP4, "video/mp4") is None


async def test_a_program_that_does_not_end_is_ended(
    script: Script, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("trio_bridge.bots.media.ffmpeg.LIMIT", 0.05)
    assert await probe(ffprobe=script("trap : TERM; while :; do sleep 0.05; done")).seconds(MP3, "audio/mpeg") is None
    [record] = caplog.records
    assert record.reason == "it did not end within 0.05 s"  # type: ignore[attr-defined]


async def test_a_program_that_is_not_there_is_said_to_be_missing(caplog: pytest.LogCaptureFixture) -> None:
    assert await probe(ffprobe="/nowhere/ffprobe").seconds(MP3, "audio/mpeg") is None
    [record] = caplog.records
    assert (record.program, record.reason) == ("/nowhere/ffprobe", "No such file or directory")  # type: ignore[attr-defined]


async def test_without_a_program_nothing_is_run() -> None:
    assert await probe().seconds(MP3, "audio/mpeg") is None
    assert await probe().cover(MP4, "video/mp4") is None

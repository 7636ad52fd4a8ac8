"""How long a recording or a video is, and a picture that stands for it: what other programs know.

They are run with the file as their standard input, which they must be able to seek in, and never with its name. The
format is said to them, not guessed: what they guess may make them read other files.
"""

from __future__ import annotations

import logging
import math
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from typing import IO, Any, Final

import attrs
import trio

from ...engine.executors import Executor
from ...engine.programs import passed

LIMIT: Final = 20.0
"""Seconds for one run of a program."""

COVER: Final = 2 * 2**20
"""Bytes of a cover. A larger one is none."""

DEMUXERS: Final[Mapping[str, str]] = {
    "audio/amr": "amr",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "video/mp4": "mov",
}
"""What ffmpeg calls the formats."""

_INPUT: Final = "/dev/stdin"

logger = logging.getLogger(__name__)


@attrs.frozen
class FFmpeg:
    """What ``ffprobe`` and ``ffmpeg`` say about a file, where they are named. Whatever is wrong, they say nothing."""

    _ffprobe: str
    _ffmpeg: str
    _disk: Executor
    _labels: Mapping[str, Any] = attrs.field(factory=dict)

    async def seconds(self, content: bytes, media_type: str) -> float | None:
        """How long it takes to listen to or to look at; ``None`` where nobody can tell."""
        if not self._ffprobe:
            return None
        wanted = ["-show_entries", "format=duration", "-of", "default=noprint_wrappers=1:nokey=1"]
        said = await self._run([self._ffprobe, "-v", "error", *_input(media_type), *wanted], content)
        try:
            seconds = float(said)
        except ValueError:
            return None
        return seconds if math.isfinite(seconds) and seconds > 0 else None

    async def cover(self, content: bytes, media_type: str) -> bytes | None:
        """The first picture of a video, in JPEG; ``None`` where nobody can make it."""
        if not self._ffmpeg:
            return None
        wanted = ["-frames:v", "1", "-an", "-vf", "scale='min(1280,iw)':-2", "-f", "mjpeg", "pipe:1"]
        made = await self._run([self._ffmpeg, "-v", "error", *_input(media_type), *wanted], content)
        return made if made.startswith(b"\xff\xd8\xff") and len(made) <= COVER else None

    async def _run(self, argv: Sequence[str], content: bytes) -> bytes:
        """What the program printed; nothing if it failed, or took too long."""
        with tempfile.TemporaryFile() as file:
            await self._disk(partial(_fill, file, content))
            with trio.move_on_after(LIMIT) as limit:
                try:
                    ended = await trio.run_process(
                        argv,
                        stdin=file.fileno(),
                        capture_stdout=True,
                        stderr=subprocess.DEVNULL,
                        check=False,
                        env=passed(os.environ),
                        deliver_cancel=_kill,
                    )
                except OSError as error:
                    return self._failed(argv[0], error.strerror or "it can't be started")
        if limit.cancelled_caught:
            return self._failed(argv[0], f"it did not end within {LIMIT:g} s")
        if ended.returncode:
            return self._failed(argv[0], f"it ended with {ended.returncode}")
        return ended.stdout

    def _failed(self, program: str, reason: str) -> bytes:
        fields = {**self._labels, "program": program, "reason": reason}
        logger.warning("a medium goes as a file: nothing is known about it", extra=fields)
        return b""


async def _kill(process: trio.Process) -> None:
    """It keeps nothing that it would have to put in order."""
    process.kill()


def _fill(file: IO[bytes], content: bytes) -> None:
    file.write(content)
    file.seek(0)


def _input(media_type: str) -> list[str]:
    return ["-protocol_whitelist", "file,pipe", "-f", DEMUXERS[media_type], "-i", _INPUT]

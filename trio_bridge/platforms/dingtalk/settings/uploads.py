"""What is sent besides text: files, and mentions of others."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs


def _paths(values: str | Path | Iterable[str | Path]) -> tuple[Path, ...]:
    """Folders, in order. A single one is a list of one."""
    return (Path(values),) if isinstance(values, str | Path) else tuple(Path(value) for value in values)


@attrs.frozen(kw_only=True, slots=False)
class UploadSettings:
    """Keys about files that are sent, and about mentions in answers."""

    media_roots: tuple[Path, ...] = attrs.field(default=(), converter=_paths)
    """Folders from which files are sent that the text of an answer names, as a picture in markdown or by a marker.
    Whoever writes to the robot can make a language model name any file: choose folders in which everything may be
    seen. Empty: none is sent, and the text gets a note. Attachments of a
    :class:`~trio_bridge.Reply` may lie anywhere."""
    media_probe: str = ""
    """The program ``ffprobe``, by name or path: with it recordings in AMR and MP3 are sent as audio, and videos as
    video if ``media_cover`` is set too. Empty: as files, but for recordings in WAV, whose length is in their header."""
    media_cover: str = ""
    """The program ``ffmpeg``, by name or path: it makes the picture that stands for a video."""
    media_prompt: str = ""
    """What agents are told about naming files, after their ``system_prompt``, while there are ``media_roots``."""
    mention_aliases: Mapping[str, str] = attrs.field(factory=dict, hash=False)
    """Other robots by the names that answers use: ``@name`` in an answer by session webhook mentions the one with this
    id (``chatbotUserId`` in what it receives)."""

    def not_here(self) -> Iterable[str]:
        """What the configuration names and this machine does not have: sentences for whoever wrote it. Looks at the
        disk."""
        for root in self.media_roots:
            if not root.is_dir():
                yield f"media_roots: there is no folder {root}"
        for key, program in (("media_probe", self.media_probe), ("media_cover", self.media_cover)):
            if program and shutil.which(program) is None:
                yield f"{key}: there is no program {program}"

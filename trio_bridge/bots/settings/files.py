"""Files that answers name and send."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

import attrs


def _paths(values: str | Path | Iterable[str | Path]) -> tuple[Path, ...]:
    """Folders, in order. A single one is a list of one."""
    return (Path(values),) if isinstance(values, str | Path) else tuple(Path(value) for value in values)


@attrs.frozen(kw_only=True, slots=False)
class FileSettings:
    """Keys about files that are sent."""

    media_roots: tuple[Path, ...] = attrs.field(default=(), converter=_paths)
    """Folders from which files are sent that the text of an answer names, as a picture in markdown or by a marker.
    Whoever writes to the robot can make a language model name any file: choose folders in which everything may be
    seen. Empty: none is sent, and the text gets a note. Attachments of a
    :class:`~trio_bridge.Reply` may lie anywhere."""
    media_cover: str = ""
    """The program ``ffmpeg``, by name or path: it makes the picture that stands for a video."""
    media_prompt: str = ""
    """What agents are told about naming files, after their ``system_prompt``, while there are ``media_roots``."""

    def told(self, system_prompt: str) -> str:
        """What agents are told: a system prompt, and how to name files where that is of any use."""
        return "\n\n".join(filter(None, (system_prompt, self.media_prompt if self.media_roots else "")))

    def not_here(self) -> Iterable[str]:
        """What the configuration names and this machine does not have: sentences for whoever wrote it. Looks at the
        disk."""
        for root in self.media_roots:
            if not root.is_dir():
                yield f"media_roots: there is no folder {root}"
        for key, program in self._programs().items():
            if program and shutil.which(program) is None:
                yield f"{key}: there is no program {program}"

    def _programs(self) -> dict[str, str]:
        return {"media_cover": self.media_cover}

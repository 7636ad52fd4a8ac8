"""What is sent besides text: files, and mentions of others."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ....bots.settings.files import FileSettings


@attrs.frozen(kw_only=True, slots=False)
class UploadSettings(FileSettings):
    """Keys about files that are sent, and about mentions in answers."""

    media_probe: str = ""
    """The program ``ffprobe``, by name or path: with it recordings in AMR and MP3 are sent as audio, and videos as
    video if ``media_cover`` is set too. Empty: as files, but for recordings in WAV, whose length is in their header."""
    mention_aliases: Mapping[str, str] = attrs.field(factory=dict, hash=False)
    """Other robots by the names that answers use: ``@name`` in an answer by session webhook mentions the one with this
    id (``chatbotUserId`` in what it receives)."""

    def _programs(self) -> dict[str, str]:
        return {"media_probe": self.media_probe, **super()._programs()}

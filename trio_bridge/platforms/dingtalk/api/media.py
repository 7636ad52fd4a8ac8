"""The kinds of messages that show what was uploaded. Beside them, :class:`~.messages.Image` takes a media id."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ..media.types import ending_of
from .messages import Kind


@attrs.frozen
class File(Kind):
    """A file to open or keep. People see by the ending of its name what it is."""

    msg_key = "sampleFile"

    media_id: str
    name: str

    def fields(self) -> Mapping[str, str]:
        return {"mediaId": self.media_id, "fileName": self.name, "fileType": ending_of(self.name) or "file"}


@attrs.frozen
class Audio(Kind):
    """A recording to listen to. It was uploaded as audio."""

    msg_key = "sampleAudio"

    media_id: str
    seconds: float

    def fields(self) -> Mapping[str, str]:
        return {"mediaId": self.media_id, "duration": str(max(1, round(self.seconds * 1000)))}


@attrs.frozen
class Video(Kind):
    """A video in MP4. ``cover`` is the media id of the picture that stands for it."""

    msg_key = "sampleVideo"

    media_id: str
    seconds: float
    cover: str

    def fields(self) -> Mapping[str, str]:
        seconds = str(max(1, round(self.seconds)))
        return {"duration": seconds, "videoMediaId": self.media_id, "videoType": "mp4", "picMediaId": self.cover}

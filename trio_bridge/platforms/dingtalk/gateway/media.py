"""The server's media: what clients uploaded, and messages that show it. No I/O and no clock.

Rules, as the platform documents them:

1. An upload has one file, of a kind that its type takes, by its name and its first bytes, and not too large for it.
2. A media id belongs to the app that uploaded it. A message shows it as what it was uploaded as; a picture may also be
   the URL of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ....gateways.calls import Call
from ....gateways.multipart import parts_of
from .desk import Desk, Errcode, Reply, Route, invalid
from .model import App, Medium

UPLOAD: Final = "/media/upload"

MEGABYTE: Final = 2**20

_PICTURES: Final = {"jpg": b"\xff\xd8\xff", "jpeg": b"\xff\xd8\xff", "gif": b"GIF8", "png": b"\x89PNG", "bmp": b"BM"}
_SOUNDS: Final = {"amr": b"#!AMR", "mp3": b"", "wav": b"RIFF"}
_VIDEOS: Final = {"mp4": b""}
_OFFICE: Final = dict.fromkeys(("doc", "docx", "xls", "xlsx", "ppt", "pptx", "zip", "pdf", "rar"), b"")
TAKEN: Final[Mapping[str, tuple[Mapping[str, bytes], int]]] = {
    "image": (_PICTURES, 20 * MEGABYTE),
    "voice": (_SOUNDS, 2 * MEGABYTE),
    "video": (_VIDEOS, 20 * MEGABYTE),
    # Pictures, sounds and videos may be sent as files, too: so much is known beside the documentation.
    "file": ({**_OFFICE, **dict.fromkeys((*_PICTURES, *_SOUNDS, *_VIDEOS), b"")}, 20 * MEGABYTE),
}
"""By the type of an upload: endings of names with what such a file begins with, and the most bytes."""

SHOWN: Final[Mapping[str, Mapping[str, str]]] = {
    "sampleImageMsg": {"photoURL": "image"},
    "sampleAudio": {"mediaId": "voice"},
    "sampleFile": {"mediaId": "file"},
    "sampleVideo": {"videoMediaId": "video", "picMediaId": "image"},
}
"""By msgKey: the fields that are media ids, and what must have been uploaded under them. The first one is the thing."""

NEEDED: Final[Mapping[str, Sequence[str]]] = {
    "sampleAudio": ("duration",),
    "sampleFile": ("fileName", "fileType"),
    "sampleVideo": ("duration", "videoType"),
}
"""By msgKey: what else must be there."""


class Media:
    """What was uploaded, by its media id."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.uploaded: list[Medium] = []
        """In order."""

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Who carries out which call."""
        return {("POST", UPLOAD): self._upload}

    def shown_by(self, app: App, key: str, fields: Mapping[str, Any]) -> Medium | None:
        """What a robot message shows, if it is of a kind that shows media; its fields are as they should be."""
        for name in NEEDED.get(key, ()):
            if not isinstance(fields.get(name), str) or not fields[name]:
                raise invalid("msgParam", f"{name} is missing")
        if "duration" in NEEDED.get(key, ()) and not fields["duration"].isdecimal():
            raise invalid("msgParam", "duration is no whole number")
        found = [self._of(app, fields.get(name), type_) for name, type_ in SHOWN.get(key, {}).items()]
        return found[0] if found else None

    def _of(self, app: App, media_id: Any, type_: str) -> Medium | None:
        if type_ == "image" and isinstance(media_id, str) and media_id.startswith(("http://", "https://")):
            return None
        medium = next((each for each in self.uploaded if each.id == media_id), None)
        if medium is None or medium.client_id != app.client_id:
            raise invalid("mediaId", "the media id is unknown, or another app's")
        if medium.type != type_:
            raise invalid("mediaId", f"it was uploaded as {medium.type}, not {type_}")
        return medium

    def _upload(self, call: Call, now: float) -> Reply:
        app = self._desk.old_app(call, now)
        type_ = call.query.get("type", "")
        if type_ not in TAKEN:
            raise Errcode(40004, "不合法的媒体文件类型")
        name, media_type, content = _only_file(call)
        beginnings, most = TAKEN[type_]
        beginning = beginnings.get(name.rpartition(".")[2].lower())
        if beginning is None or not content.startswith(beginning):
            raise Errcode(40004, "不合法的媒体文件类型")
        if not content or len(content) > most:
            raise Errcode(40006, "不合法的文件大小")
        number = len(self.uploaded) + 1
        medium = Medium(
            id=f"@media{number:04d}",
            client_id=app.client_id,
            type=type_,
            name=name,
            media_type=media_type,
            content=content,
        )
        self.uploaded.append(medium)
        created_at = int((self._desk.gateway.epoch + now) * 1000)
        return {"errcode": 0, "errmsg": "ok", "type": type_, "media_id": medium.id, "created_at": created_at}


def _only_file(call: Call) -> tuple[str, str, bytes]:
    """Name, media type and content of the field ``media`` in a multipart body."""
    part = parts_of(call).get("media")
    if part is None or not part.filename:
        raise Errcode(41005, "缺少多媒体文件数据")
    return part.filename, part.media_type, part.content

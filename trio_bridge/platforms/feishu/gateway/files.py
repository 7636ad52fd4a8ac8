"""The server side of pictures and files: uploaded by bots, sent by people, downloaded. No I/O and no clock.

Rules, as the platform documents them:

1. Pictures have up to 10 MB and files up to 30 MB; neither is empty. A picture is one by its first bytes, and not too
   many pixels wide and high.
2. A key belongs to the app that uploaded it, and is shown as what it was uploaded as: ``mp4`` as a video, ``opus`` as
   a recording, everything else as a file.
3. What lies in a message is downloaded by the message and its key. Stickers and what lies in cards is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import attrs

from ....gateways.calls import Answer, Call
from ....gateways.multipart import Part, parts_of
from .contents import keys_in
from .desk import Data, Desk, Route
from .letters import as_object
from .message import Message
from .model import App, Refused

UPLOAD_IMAGE: Final = "POST /open-apis/im/v1/images"
UPLOAD_FILE: Final = "POST /open-apis/im/v1/files"
DOWNLOAD: Final = "GET /open-apis/im/v1/messages/{message_id}/resources/{key}"

INVALID: Final = 234001
NOT_IN_MESSAGE: Final = 234003
TOO_LARGE: Final = 234006
EMPTY: Final = 234010
NO_IMAGE: Final = 234011
TOO_LARGE_TO_LOAD: Final = 234037
TOO_MANY_PIXELS: Final = 234039
NOT_LOADABLE: Final = 234043
UNKNOWN_KEY: Final = 230001
NOT_THE_OWNER: Final = 230017
OTHER_TYPE: Final = 230055

MEGABYTE: Final = 2**20
MOST_IMAGE: Final = 10 * MEGABYTE
MOST_FILE: Final = 30 * MEGABYTE
MOST_DOWNLOAD: Final = 100 * MEGABYTE
MOST_PIXELS: Final[Mapping[str, int]] = {"image/gif": 2000}
"""Pixels to a side, by media type; 12,000 for every other."""

FILE_TYPES: Final = frozenset({"opus", "mp4", "pdf", "doc", "xls", "ppt", "stream"})
SHOWN_AS: Final[Mapping[str, frozenset[str]]] = {
    "image": frozenset({"image", "post", "media"}),
    "mp4": frozenset({"media", "post"}),
    "opus": frozenset({"audio"}),
}
"""By what was uploaded: the types of messages that may show it. Everything else is shown as a file."""

PICTURES: Final[Mapping[bytes, str]] = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
    b"RIFF": "image/webp",
    b"\x00\x00\x01\x00": "image/x-icon",
    b"II*\x00": "image/tiff",
    b"MM\x00*": "image/tiff",
}
"""Kinds of pictures by their first bytes."""


@attrs.frozen(kw_only=True)
class Medium:
    """A picture or a file."""

    key: str
    app_id: str
    """The app that uploaded it; empty where a person sent it."""
    type: str
    """``image``, or the type that a file was uploaded as."""
    name: str
    media_type: str
    content: bytes = attrs.field(repr=False)
    duration: str = ""
    """Milliseconds, as they were told."""


class Finder(Protocol):
    """Finds messages, for whoever may see them."""

    def __call__(self, app: App, message_id: str) -> Message: ...


class Files:
    """What was uploaded, and what people sent, by its key."""

    def __init__(self, desk: Desk) -> None:
        self.known: dict[str, Medium] = {}
        """By key."""
        self.uploaded: list[Medium] = []
        """What bots uploaded, in order."""
        self.find: Finder
        """Set by whoever has the messages."""
        self._desk = desk

    def routes(self) -> Mapping[str, Route]:
        """Who carries out which call."""
        return {UPLOAD_IMAGE: self._upload_image, UPLOAD_FILE: self._upload_file, DOWNLOAD: self._download}

    def put(self, content: bytes, name: str = "") -> str:
        """Keep what a person sends, a picture or, with a ``name``, a file, and return its key."""
        kind = "stream" if name else "image"
        medium = self._new("", kind, name, picture_type(content) or "application/octet-stream", content)
        return medium.key

    def check_shown(self, app: App, key: str, msg_type: str) -> None:
        """See that a message of this type may show it."""
        medium = self.known.get(key)
        if medium is None:
            raise Refused(UNKNOWN_KEY, "Your request contains an invalid request parameter, ext=invalid key.")
        if medium.app_id != app.app_id:
            raise Refused(NOT_THE_OWNER, "Bot is NOT the owner of the resource.")
        if msg_type not in SHOWN_AS.get(medium.type, {"file"}):
            raise Refused(OTHER_TYPE, "The type of file upload does not match the type of message being sent.")

    # The calls.

    def _upload_image(self, call: Call, now: float) -> Data:
        app, parts = self._desk.app(call, now), parts_of(call)
        image = _file_in(parts, "image", MOST_IMAGE)
        if _word(parts, "image_type") not in ("message", "avatar"):
            raise _invalid()
        media_type = picture_type(image.content)
        if media_type is None:
            raise Refused(NO_IMAGE, "Can't regonnize the image format.")  # spelt like this by the platform
        if max(_size_of(image.content)) > MOST_PIXELS.get(media_type, 12000):
            raise Refused(TOO_MANY_PIXELS, "Image resolution exceeds limit.")
        medium = self._new(app.app_id, "image", image.filename, media_type, image.content)
        return {"image_key": medium.key}

    def _upload_file(self, call: Call, now: float) -> Data:
        app, parts = self._desk.app(call, now), parts_of(call)
        file = _file_in(parts, "file", MOST_FILE)
        kind, name, duration = (_word(parts, each) for each in ("file_type", "file_name", "duration"))
        if kind not in FILE_TYPES or not name or not (duration or "0").isdecimal():
            raise _invalid()
        medium = self._new(app.app_id, kind, name, file.media_type, file.content, duration)
        return {"file_key": medium.key}

    def _download(self, call: Call, now: float) -> Answer:
        app = self._desk.app(call, now)
        message, medium = self.find(app, call.names["message_id"]), self.known.get(call.names["key"])
        if message.msg_type in ("sticker", "interactive", "merge_forward"):
            raise Refused(NOT_LOADABLE, "Unsupported message type.")
        if medium is None or medium.key not in keys_in(as_object(message.content)):
            raise Refused(NOT_IN_MESSAGE, "File not in msg.")
        if call.query.get("type") != ("image" if medium.type == "image" else "file"):
            raise _invalid()
        if len(medium.content) > MOST_DOWNLOAD:
            raise Refused(TOO_LARGE_TO_LOAD, "Downloaded file size exceeds limit.")
        return Answer(body=medium.content, content_type=medium.media_type or "application/octet-stream")

    # Inside.

    def _new(self, app_id: str, kind: str, name: str, media_type: str, content: bytes, duration: str = "") -> Medium:
        key = self._desk.new_id("img_v3_" if kind == "image" else "file_v3_")
        medium = self.known[key] = Medium(
            key=key, app_id=app_id, type=kind, name=name, media_type=media_type, content=content, duration=duration
        )
        if app_id:
            self.uploaded.append(medium)
        return medium


def picture_type(content: bytes) -> str | None:
    """The media type of a picture by its first bytes; ``None``: it is none that the platform takes."""
    if content[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1"):
        return "image/heic"
    return next((kind for start, kind in PICTURES.items() if content.startswith(start)), None)


def _size_of(content: bytes) -> tuple[int, int]:
    """Width and height of a GIF or a PNG; nothing is known of others."""
    if content.startswith(b"GIF8"):
        return int.from_bytes(content[6:8], "little"), int.from_bytes(content[8:10], "little")
    if content.startswith(b"\x89PNG"):
        return int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")
    return 0, 0


def _file_in(parts: Mapping[str, Part], name: str, most: int) -> Part:
    part = parts.get(name)
    if part is None:
        raise _invalid()
    if not part.content:
        raise Refused(EMPTY, "File's size can't be 0.")
    if len(part.content) > most:
        raise Refused(TOO_LARGE, "The file size exceed the max value.")
    return part


def _word(parts: Mapping[str, Part], name: str) -> str:
    part = parts.get(name)
    return part.text if part else ""


def _invalid() -> Refused:
    return Refused(INVALID, "Invalid request param.")

"""The server's files: what people send, codes for it, and a host that hands it out. No I/O and no clock.

Rules, as the platform keeps them:

1. A code belongs to the robot of one app, and is good for a while only.
2. For a code there is a URL with a signature. The host refuses a call with a ``Content-Type``, which the signature does
   not cover, and one with an access token, which is none of its business.

How the host answers can be scripted, as for every call: ``rest.scripts.add(FILE, Answer(...))``.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Final

import attrs

from ....gateways.calls import Answer, Call
from .desk import Desk, Reply, Route, body_of
from .model import Refused

DOWNLOAD: Final = "/v1.0/robot/messageFiles/download"
FILE: Final = "/file"
"""Where the host of the files answers, on the same port as everything else."""

URL_LIFE: Final = 600.0
"""Seconds that a URL is good for."""

PICTURES: Final = {b"\xff\xd8": "image/jpeg", b"GIF8": "image/gif", b"BM": "image/bmp"}
"""Kinds of pictures by their first bytes; every other is taken for PNG."""

FORBIDDEN: Final = ("content-type", "x-acs-dingtalk-access-token", "authorization")


@attrs.frozen
class _File:
    content: bytes = attrs.field(repr=False)
    content_type: str


class Files:
    """What people sent, by its code."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._by_code: dict[str, _File] = {}
        self._urls: dict[str, tuple[_File, float]] = {}
        self._rng = random.Random(0)
        self._sent = 0

    def put(self, content: bytes, *, content_type: str = "application/octet-stream") -> str:
        """Keep what somebody sent, and return its download code."""
        self._sent += 1
        code = f"dcode-{self._sent:04d}"
        self._by_code[code] = _File(content, content_type)
        return code

    def picture(self, content: bytes) -> Mapping[str, Any]:
        """The fields of the robot data of a message that is a picture."""
        return self._only("picture", {"downloadCode": self._put_picture(content)})

    def file(self, content: bytes, name: str) -> Mapping[str, Any]:
        """The same for a file; people send those in direct conversations only."""
        return self._only("file", {"downloadCode": self.put(content), "fileName": name})

    def voice(self, content: bytes, *, recognition: str = "", seconds: float = 1.0) -> Mapping[str, Any]:
        """The same for a recording, with what the platform heard in it."""
        fields = {"downloadCode": self.put(content, content_type="audio/amr"), "duration": int(seconds * 1000)}
        return self._only("audio", {**fields, "recognition": recognition} if recognition else fields)

    def rich_text(self, *parts: str | bytes) -> Mapping[str, Any]:
        """The same for words and pictures in their order."""
        made = [{"text": part} if isinstance(part, str) else self._in_text(part) for part in parts]
        return self._only("richText", {"richText": made})

    def expire_codes(self) -> None:
        """Make every code invalid that was given out."""
        self._by_code.clear()

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Who carries out which call."""
        return {("POST", DOWNLOAD): self._url, ("GET", FILE): self._file}

    # The calls.

    def _url(self, call: Call, now: float) -> Reply:
        app, body = self._desk.app(call, now), body_of(call)
        self._desk.check_robot(app, body)
        code = body.get("downloadCode")
        file = self._by_code.get(code) if isinstance(code, str) else None
        if file is None:
            raise Refused(400, "invalidParameter.robotCode.downloadCode", "the download code is unknown or expired")
        signature = self._rng.randbytes(8).hex()
        self._urls[signature] = (file, now + URL_LIFE)
        return {"downloadUrl": f"http://{call.headers.get('host', '')}{FILE}?signature={signature}"}

    def _file(self, call: Call, now: float) -> Answer:
        file, good_until = self._urls.get(call.query.get("signature", ""), (None, 0.0))
        if file is None or now >= good_until or any(name in call.headers for name in FORBIDDEN):
            raise Refused(403, "SignatureDoesNotMatch", "the signature does not cover this call")
        return Answer(body=file.content, content_type=file.content_type)

    def _in_text(self, picture: bytes) -> Mapping[str, Any]:
        return {"type": "picture", "downloadCode": self._put_picture(picture)}

    def _put_picture(self, content: bytes) -> str:
        kinds = (kind for start, kind in PICTURES.items() if content.startswith(start))
        return self.put(content, content_type=next(kinds, "image/png"))

    def _only(self, kind: str, content: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"msgtype": kind, "text": None, "content": content}

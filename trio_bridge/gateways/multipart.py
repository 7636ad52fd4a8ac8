"""What a body of the kind ``multipart/form-data`` holds, as a server reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from .calls import Call


@attrs.frozen
class Part:
    """One field. A file may come without a name, and a field with a media type."""

    filename: str
    media_type: str
    content: bytes = attrs.field(repr=False)

    @property
    def text(self) -> str:
        """The content, read as text."""
        return self.content.decode(errors="replace")


def parts_of(call: Call) -> Mapping[str, Part]:
    """The fields by their names; none where the body is of another kind. Of two with one name the first counts."""
    boundary = re.search(r'boundary="?([^";]+)', call.headers.get("content-type", ""))
    pieces = call.body.split(b"--" + boundary[1].encode()) if boundary else []
    parts: dict[str, Part] = {}
    for piece in pieces[1:-1]:
        head, _, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        said = head.decode(errors="replace")
        name = re.search(r';\s*name="([^"]*)"', said)
        if name is not None:
            filename = re.search(r'filename="([^"]*)"', said)
            media_type = re.search(r"(?im)^content-type:\s*([^\r\n;]+)", said)
            part = Part(
                filename[1].replace("%22", '"') if filename else "",
                media_type[1] if media_type else "",
                content.removesuffix(b"\r\n"),
            )
            parts.setdefault(name[1], part)
    return parts

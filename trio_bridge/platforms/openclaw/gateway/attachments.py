"""What comes with a message: read, or refused with the name of what is wrong with it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .methods import INVALID_REQUEST, Refusal
from .script import Picture
from .settings import MAX_ATTACHMENT, MAX_IMAGE


def read_attachments(given: Sequence[Any], *, limited: bool) -> tuple[Picture, ...]:
    """The attachments of a message. ``limited``: whether one may be too large.

    Raises:
      Refusal: one is not as it should be.
    """
    return tuple(_pictures(given, limited=limited))


def _pictures(given: Sequence[Any], *, limited: bool) -> Iterator[Picture]:
    for number, each in enumerate(given, start=1):
        if not isinstance(each, dict):
            raise Refusal(INVALID_REQUEST, f"Error: attachment {number}: must be object")
        kind, name = str(each.get("type", "file")), str(each.get("fileName") or f"attachment-{number}")
        content = _decoded(each, name)
        limit = MAX_IMAGE if kind == "image" else MAX_ATTACHMENT
        if limited and len(content) > limit:
            raise Refusal(
                INVALID_REQUEST, f"Error: attachment {name}: exceeds size limit ({len(content)} > {limit} bytes)"
            )
        yield Picture(kind, str(each.get("mimeType", "")), name, content)


def _decoded(attachment: Mapping[str, Any], name: str) -> bytes:
    content = attachment.get("content")
    if not isinstance(content, str):
        raise Refusal(INVALID_REQUEST, f"Error: attachment {name}: content must be base64 string")
    _, marker, tail = content.partition(";base64,")
    try:
        return base64.b64decode(tail if marker and content.startswith("data:") else content, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal(INVALID_REQUEST, f"Error: attachment {name}: invalid base64 content") from error

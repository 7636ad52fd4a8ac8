"""What one message holds, by its kind: its text, and the files in it.

The content is JSON text of which no kind is sure to keep its shape. Nothing here raises for that: what can't be read is
left out, and the message is marked as ``degraded``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from ....messages import Attachment
from ....wire.jsontext import parse, word
from .card_words import read_card
from .mentions import Mentions, without_bot
from .post import read_post
from .reading import Reading

_KIND: Final = 40
"""Characters of a kind that nobody knows, as far as they are shown."""

_PLACE = re.compile(r"\{([a-z_]+)\}")
_PLACES: Final = 20
_NAMES: Final = 500
"""Places of a notice that are filled, and characters that each is filled with: one of each multiplies the other."""


@attrs.frozen
class Content:
    """What a message holds. ``degraded``: not all of it could be understood."""

    text: str = ""
    media: tuple[Attachment, ...] = ()
    degraded: bool = False


def read_content(kind: str, content: Any, mentions: Mentions, message_id: str) -> Content:
    """The content of a message of ``kind``, as text of JSON or opened. Mentions that it holds are noted."""
    reader = READERS.get(kind)
    if reader is None:
        return Content(f"[{kind[:_KIND] or 'unknown'}]", degraded=True)
    try:
        data = parse(content) if isinstance(content, str) else content
    except ValueError:
        data = None
    if not isinstance(data, dict):
        return Content(degraded=True)
    reading = Reading(mentions, message_id)
    text = without_bot(reader(data, reading))
    return Content(text, tuple(reading.media), reading.degraded)


def _read_text(data: Mapping[str, Any], reading: Reading) -> str:
    return reading.mentions.resolved(word(data.get("text")))


def _read_image(data: Mapping[str, Any], reading: Reading) -> str:
    reading.found("image", "image", data.get("image_key"))
    return ""


def _read_file(data: Mapping[str, Any], reading: Reading) -> str:
    reading.found("file", "file", data.get("file_key"), name=data.get("file_name"))
    return ""


def _read_audio(data: Mapping[str, Any], reading: Reading) -> str:
    reading.found("audio", "file", data.get("file_key"), duration=data.get("duration"))
    return ""


def _read_video(data: Mapping[str, Any], reading: Reading) -> str:
    name, cover, duration = (data.get(field) for field in ("file_name", "image_key", "duration"))
    reading.found("video", "file", data.get("file_key"), name=name, cover=cover, duration=duration)
    return ""


def _read_sticker(data: Mapping[str, Any], reading: Reading) -> str:
    reading.found("image", "sticker", data.get("file_key"))
    return ""


def _read_location(data: Mapping[str, Any], reading: Reading) -> str:
    name, latitude, longitude = (word(data.get(field)) for field in ("name", "latitude", "longitude"))
    return f"[location] {name} ({latitude},{longitude})"


def _read_chat(data: Mapping[str, Any], reading: Reading) -> str:
    return f"[share_chat] {word(data.get('chat_id'))}"


def _read_contact(data: Mapping[str, Any], reading: Reading) -> str:
    return f"[share_user] {word(data.get('user_id'))}"


def _read_notice(data: Mapping[str, Any], reading: Reading) -> str:
    """What the platform says of the conversation, with the names put in."""

    def named(place: re.Match[str]) -> str:
        value = data.get(place[1])
        if isinstance(value, list):
            return ", ".join(map(word, value))[:_NAMES]
        return value[:_NAMES] if isinstance(value, str) else place[0]

    return _PLACE.sub(named, word(data.get("template")), count=_PLACES)


READERS: Final[Mapping[str, Callable[[Mapping[str, Any], Reading], str]]] = {
    "text": _read_text,
    "post": read_post,
    "image": _read_image,
    "file": _read_file,
    "audio": _read_audio,
    "media": _read_video,
    "sticker": _read_sticker,
    "interactive": read_card,
    "location": _read_location,
    "share_chat": _read_chat,
    "share_user": _read_contact,
    "system": _read_notice,
}

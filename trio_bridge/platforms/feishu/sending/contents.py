"""What a message holds, in the form that Feishu takes: JSON text inside JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import attrs

from ....wire.jsontext import scrub

MessageType = Literal["text", "post", "image", "file", "audio", "media", "interactive"]


@attrs.frozen
class Content:
    """One message. ``media`` is Feishu's word for a video, ``interactive`` for a card."""

    type: MessageType
    json: str = attrs.field(repr=False)

    @classmethod
    def of(cls, type_: MessageType, fields: Mapping[str, Any]) -> Content:
        """A message of these fields, without what UTF-8 can't say."""
        return cls(type_, json.dumps(scrub(fields), ensure_ascii=False, separators=(",", ":")))

    @property
    def size(self) -> int:
        """Bytes of it in the body of a call."""
        return len(json.dumps(self.json, ensure_ascii=False).encode())


def text(words: str) -> Content:
    """Plain text."""
    return Content.of("text", {"text": words})


def post(markdown: str, title: str = "") -> Content:
    """A post: what it shows of markdown, see :mod:`.markdown`. Feishu wants to be told a language."""
    named = {"title": title} if title else {}
    return Content.of("post", {"zh_cn": {**named, "content": [[{"tag": "md", "text": markdown}]]}})

"""What was said in a session, as its history has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import attrs

from ..chat.tracker import text_of
from ..reading import Fields

ENCLOSED: Final = frozenset({"image", "file", "audio", "video", "document"})
"""Kinds of blocks that people would call an attachment."""


@attrs.frozen(kw_only=True)
class Enclosure:
    """Something in a message that is no text: a picture, a file. The gateway leaves out its bytes."""

    kind: str
    """The gateway's word: ``image``, ``file``."""
    name: str = ""
    mime_type: str = ""
    url: str = ""
    size: int | None = None
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The gateway's own description, whole."""

    @classmethod
    def of(cls, payload: Any) -> Enclosure:
        """From a block of a message's content."""
        fields = Fields.of(payload)
        return cls(
            kind=fields.need("type"),
            name=fields.text("fileName") or fields.text("name"),
            mime_type=fields.text("mimeType"),
            url=fields.text("url"),
            size=fields.whole("bytes"),
            raw=fields.raw,
        )


@attrs.frozen(kw_only=True)
class ChatMessage:
    """A message of a session. What the gateway does not say is empty, or ``None``."""

    id: str = ""
    """The same whenever it is read, ``__openclaw.id``; empty while the message is being written down."""
    role: str = ""
    """``user``, ``assistant``, ``system``, ``toolResult``, …"""
    text: str = attrs.field(default="", repr=False)
    """What it says. Histories keep the trailing blanks that a chat's text has lost."""
    attachments: tuple[Enclosure, ...] = attrs.field(default=(), repr=False)
    """Its pictures and files. Thoughts and calls of tools are in :attr:`raw`."""
    sent_at: float | None = None
    """Seconds since the epoch, by the gateway's clock."""
    run_id: str = ""
    """The run that it belongs to, where the gateway tells."""
    model: str = ""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The gateway's own description, whole."""

    @classmethod
    def of(cls, payload: Any) -> ChatMessage:
        """From a row of a history, or the ``message`` of an event.

        Raises:
          RemoteProtocolError: it is no object.
        """
        fields = Fields.of(payload)
        own = fields.inner("__openclaw")
        return cls(
            id=own.text("id"),
            role=fields.text("role"),
            text=text_of(fields.raw) or "",
            attachments=_attachments(fields.raw.get("content")),
            sent_at=fields.moment("timestamp"),
            run_id=own.text("runId"),
            model=fields.text("model"),
            raw=fields.raw,
        )


def _attachments(content: Any) -> tuple[Enclosure, ...]:
    blocks = content if isinstance(content, list) else []
    return tuple(Enclosure.of(block) for block in blocks if isinstance(block, dict) and block.get("type") in ENCLOSED)

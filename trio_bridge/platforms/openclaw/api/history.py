"""What a session's history answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ..reading import Fields
from .messages import ChatMessage


@attrs.frozen(kw_only=True)
class InFlightRun:
    """A run that is under way: what it has said so far. Only gateways that speak protocol 4 tell."""

    run_id: str
    text: str = attrs.field(default="", repr=False)
    started_at: float | None = None
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The gateway's own description, whole."""

    @classmethod
    def of(cls, payload: Any) -> InFlightRun:
        """From ``inFlightRun`` of a history."""
        fields = Fields.of(payload, "inFlightRun")
        return cls(
            run_id=fields.need("runId"),
            text=fields.text("text"),
            started_at=fields.moment("startedAt"),
            raw=fields.raw,
        )


@attrs.frozen(kw_only=True)
class History:
    """The last messages of a session, the oldest first. A session that nobody knows has none."""

    session_key: str
    session_id: str = ""
    messages: tuple[ChatMessage, ...] = attrs.field(default=(), repr=False)
    running: InFlightRun | None = None
    """The run that is under way; ``None`` too where the gateway does not tell."""
    total: int | None = None
    """How many messages there are in all, where the gateway tells."""
    has_more: bool | None = None
    """Whether there are older ones, where the gateway tells."""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The gateway's own answer, whole."""

    @classmethod
    def of(cls, payload: Any) -> History:
        """From the answer to ``chat.history``.

        Raises:
          RemoteProtocolError: there is no list of messages in it.
        """
        fields = Fields.of(payload)
        running = fields.raw.get("inFlightRun")
        return cls(
            session_key=fields.need("sessionKey"),
            session_id=fields.text("sessionId"),
            messages=tuple(ChatMessage.of(row) for row in fields.need_objects("messages")),
            running=None if running is None else InFlightRun.of(running),
            total=fields.whole("totalMessages"),
            has_more=fields.flag("hasMore"),
            raw=fields.raw,
        )


@attrs.frozen(kw_only=True)
class Aborted:
    """What was stopped."""

    aborted: bool
    """Whether anything was running."""
    run_ids: tuple[str, ...] = ()
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The gateway's own answer, whole."""

    @classmethod
    def of(cls, payload: Any) -> Aborted:
        """From the answer to ``chat.abort``."""
        fields = Fields.of(payload)
        return cls(aborted=fields.flag("aborted") or False, run_ids=fields.texts("runIds"), raw=fields.raw)


@attrs.frozen(kw_only=True)
class Recovered:
    """What was said in a session that had not been heard."""

    session_key: str
    messages: tuple[ChatMessage, ...] = attrs.field(default=(), repr=False)
    """What is new, the oldest first."""
    complete: bool = False
    """Whether nothing is missing between what was known and what is new; if not, the gap is larger than one answer."""
    running: InFlightRun | None = None
    """The run that is under way, where the gateway tells."""

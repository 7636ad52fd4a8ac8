"""What calls about sessions answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ..reading import Fields


@attrs.frozen(kw_only=True)
class Session:
    """A session: a conversation with an agent. What the gateway does not say is empty, or ``None``."""

    key: str
    """``agent:AGENT:NAME``."""
    id: str = ""
    """Gateways that speak protocol 3 give a session another one when it is reset."""
    label: str = ""
    kind: str = ""
    """``direct``, ``group``, …"""
    agent_id: str = ""
    model: str = ""
    model_provider: str = ""
    status: str = ""
    """Of its last run: ``running``, ``done``, ``failed``, …"""
    updated_at: float | None = None
    """Seconds since the epoch."""
    created_at: float | None = None
    """Seconds since the epoch."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    context_tokens: int | None = None
    """How many its model can take in."""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The gateway's own description, whole."""

    @classmethod
    def of(cls, payload: Any) -> Session:
        """From a row of a list, or from the answer to a call that made or changed one.

        Raises:
          RemoteProtocolError: it has no key.
        """
        fields = Fields.of(payload)
        entry = Fields({**fields.inner("resolved").raw, **fields.raw, **fields.inner("entry").raw})
        return cls(
            key=fields.need("key"),
            id=entry.text("sessionId"),
            label=entry.text("label"),
            kind=entry.text("kind"),
            agent_id=entry.text("agentId"),
            model=entry.text("model"),
            model_provider=entry.text("modelProvider"),
            status=entry.text("status"),
            updated_at=entry.moment("updatedAt"),
            created_at=entry.moment("createdAt"),
            input_tokens=entry.whole("inputTokens"),
            output_tokens=entry.whole("outputTokens"),
            total_tokens=entry.whole("totalTokens"),
            context_tokens=entry.whole("contextTokens"),
            raw=fields.raw,
        )

    @classmethod
    def described(cls, payload: Any) -> Session | None:
        """From the answer to ``sessions.describe``: ``None``, where there is no such session."""
        fields = Fields.of(payload)
        return None if fields.raw.get("session") is None else cls.of(fields.need_object("session"))


@attrs.frozen(kw_only=True)
class SessionList:
    """Some sessions: the first ones, in the gateway's order."""

    sessions: tuple[Session, ...]
    total: int | None = None
    """How many there are in all, where the gateway tells."""
    next_offset: int | None = None
    """Where the next ones begin; ``None`` at the end, and where the gateway does not tell."""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The gateway's own answer, whole."""

    @classmethod
    def of(cls, payload: Any) -> SessionList:
        """From the answer to ``sessions.list``.

        Raises:
          RemoteProtocolError: there is no list in it, or a session without a key.
        """
        fields = Fields.of(payload)
        return cls(
            sessions=tuple(Session.of(row) for row in fields.need_objects("sessions")),
            total=fields.whole("totalCount"),
            next_offset=fields.whole("nextOffset"),
            raw=fields.raw,
        )


@attrs.frozen(kw_only=True)
class PreviewItem:
    """A message in short."""

    role: str = ""
    text: str = attrs.field(default="", repr=False)


@attrs.frozen(kw_only=True)
class Preview:
    """The end of a session, in short."""

    key: str
    status: str = ""
    """``ok``, ``empty``, ``missing``, …"""
    items: tuple[PreviewItem, ...] = ()
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The gateway's own description, whole."""

    @classmethod
    def list_of(cls, payload: Any) -> tuple[Preview, ...]:
        """From the answer to ``sessions.preview``.

        Raises:
          RemoteProtocolError: there is no list in it, or a session without a key.
        """
        return tuple(cls._of(each) for each in Fields.of(payload).need_objects("previews"))

    @classmethod
    def _of(cls, fields: Fields) -> Preview:
        items = tuple(PreviewItem(role=item.text("role"), text=item.text("text")) for item in fields.objects("items"))
        return cls(key=fields.need("key"), status=fields.text("status"), items=items, raw=fields.raw)


@attrs.frozen(kw_only=True)
class Deleted:
    """What became of a session that was to be deleted."""

    key: str
    deleted: bool
    """Whether there was one."""
    archived: tuple[str, ...] = ()
    """Files on the gateway's machine that what was said is kept in."""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The gateway's own answer, whole."""

    @classmethod
    def of(cls, payload: Any) -> Deleted:
        """From the answer to ``sessions.delete``."""
        fields = Fields.of(payload)
        return cls(
            key=fields.need("key"),
            deleted=fields.flag("deleted") or False,
            archived=fields.texts("archived"),
            raw=fields.raw,
        )


@attrs.frozen(kw_only=True)
class Compacted:
    """What became of a session that was to be made shorter."""

    key: str
    compacted: bool
    """Whether it is shorter now. If not, there was nothing to shorten."""
    reason: str = ""
    """Why not."""
    summary: str = attrs.field(default="", repr=False)
    """What stands in place of what was said."""
    tokens_before: int | None = None
    tokens_after: int | None = None
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The gateway's own answer, whole."""

    @classmethod
    def of(cls, payload: Any) -> Compacted:
        """From the answer to ``sessions.compact``."""
        fields = Fields.of(payload)
        result = fields.inner("result")
        return cls(
            key=fields.need("key"),
            compacted=fields.flag("compacted") or False,
            reason=fields.text("reason"),
            summary=result.text("summary"),
            tokens_before=result.whole("tokensBefore"),
            tokens_after=result.whole("tokensAfter"),
            raw=fields.raw,
        )


@attrs.frozen(kw_only=True)
class Branch:
    """One way that a session went. Gateways that speak protocol 4 keep those that were left."""

    leaf_id: str
    """The id of its last entry, by which :meth:`Sessions.switch_branch` knows it."""
    headline: str = attrs.field(default="", repr=False)
    messages: int | None = None
    updated_at: float | None = None
    """Seconds since the epoch."""
    active: bool = False
    """Whether the session goes on from here."""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The gateway's own description, whole."""

    @classmethod
    def list_of(cls, payload: Any) -> tuple[Branch, ...]:
        """From the answer to ``sessions.branches.list``.

        Raises:
          RemoteProtocolError: there is no list in it, or a branch without an end.
        """
        return tuple(cls._of(each) for each in Fields.of(payload).need_objects("branches"))

    @classmethod
    def _of(cls, fields: Fields) -> Branch:
        return cls(
            leaf_id=fields.need("leafEntryId"),
            headline=fields.text("headline"),
            messages=fields.whole("messageCount"),
            updated_at=fields.moment("updatedAt"),
            active=fields.flag("active") or False,
            raw=fields.raw,
        )

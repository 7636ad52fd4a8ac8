"""Checkpoints of sessions that were made shorter: what each was before. Gateways that speak protocol 3 keep them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ..reading import Fields
from .asking import Caller
from .session_results import Session


@attrs.frozen(kw_only=True)
class Checkpoint:
    """A session before it was made shorter."""

    id: str
    session_key: str = ""
    session_id: str = ""
    reason: str = ""
    """``manual``, ``threshold``, …"""
    summary: str = attrs.field(default="", repr=False)
    """What stands in place of what was said."""
    tokens_before: int | None = None
    tokens_after: int | None = None
    created_at: float | None = None
    """Seconds since the epoch."""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The gateway's own description, whole."""

    @classmethod
    def of(cls, payload: Any) -> Checkpoint:
        """From a row of a list.

        Raises:
          RemoteProtocolError: it has no id.
        """
        fields = Fields.of(payload)
        return cls(
            id=fields.need("checkpointId"),
            session_key=fields.text("sessionKey"),
            session_id=fields.text("sessionId"),
            reason=fields.text("reason"),
            summary=fields.text("summary"),
            tokens_before=fields.whole("tokensBefore"),
            tokens_after=fields.whole("tokensAfter"),
            created_at=fields.moment("createdAt"),
            raw=fields.raw,
        )


@attrs.define(eq=False, repr=False)
class Compaction:
    """Checkpoints of sessions: ``account.api.compaction``. They raise what calls of :class:`Sessions` do.

    A gateway that speaks protocol 4 has none, which is a :exc:`~trio_bridge.RequestFailed` with the code
    ``unsupported``; :meth:`Sessions.compact` and :meth:`Sessions.branches` are what it has.
    """

    _caller: Caller

    async def list(self, key: str) -> tuple[Checkpoint, ...]:
        """The checkpoints of a session."""
        self._caller.insist("sessions.compaction.list")
        return await self._caller.ask("sessions.compaction.list", {"key": key}, _checkpoints)

    async def get(self, key: str, checkpoint: Checkpoint | str) -> Checkpoint:
        """A checkpoint."""
        self._caller.insist("sessions.compaction.get")
        return await self._caller.ask("sessions.compaction.get", _named(key, checkpoint), _checkpoint)

    async def branch(self, key: str, checkpoint: Checkpoint | str) -> Session:
        """A new session that goes on from a checkpoint; the other one stays as it is."""
        self._caller.insist("sessions.compaction.branch")
        return await self._caller.tell("sessions.compaction.branch", _named(key, checkpoint), Session.of)

    async def restore(self, key: str, checkpoint: Checkpoint | str) -> Session:
        """A session is again what it was before it was made shorter. It needs the scope ``operator.admin``."""
        self._caller.insist("sessions.compaction.restore")
        return await self._caller.tell("sessions.compaction.restore", _named(key, checkpoint), Session.of)


def _named(key: str, checkpoint: Checkpoint | str) -> dict[str, str]:
    return {"key": key, "checkpointId": checkpoint.id if isinstance(checkpoint, Checkpoint) else checkpoint}


def _checkpoints(payload: Any) -> tuple[Checkpoint, ...]:
    return tuple(Checkpoint.of(row) for row in Fields.of(payload).need_objects("checkpoints"))


def _checkpoint(payload: Any) -> Checkpoint:
    return Checkpoint.of(Fields.of(payload).need_object("checkpoint"))

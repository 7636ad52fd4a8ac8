"""Things that an agent may only do if somebody approves them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import attrs

from ..reading import Fields, objects

Decision = Literal["allow-once", "allow-always", "deny"]


@attrs.frozen(kw_only=True)
class Approval:
    """Something that an agent may do if it is approved. What the gateway does not say is empty, or ``None``."""

    id: str
    kind: str = "exec"
    """``exec``: a command; ``plugin``: what a plugin wants to do."""
    text: str = attrs.field(default="", repr=False)
    """The command, or the title of what a plugin wants to do."""
    description: str = attrs.field(default="", repr=False)
    """What a plugin, or a warning, says about it."""
    decisions: tuple[str, ...] = ()
    """What may be decided: some of ``allow-once``, ``allow-always``, ``deny``."""
    status: str = "pending"
    """``pending``, ``allowed``, ``denied``, ``expired``, ``cancelled``; empty where it is over and nobody knows how."""
    decision: str = ""
    """What was decided."""
    session_key: str = ""
    agent_id: str = ""
    host: str = ""
    """Where the command is to run: ``gateway``, ``node``, ``sandbox``."""
    cwd: str = ""
    created_at: float | None = None
    """Seconds since the epoch, by the gateway's clock."""
    expires_at: float | None = None
    """When it is too late to decide: seconds since the epoch, by the gateway's clock."""
    raw: Mapping[str, Any] = attrs.field(factory=dict, repr=False, eq=False)
    """The gateway's own description, whole."""

    @classmethod
    def of(cls, payload: Any, kind: str = "exec") -> Approval:
        """From a row of a list, an event, or the answer to a question for one. ``kind`` is for those that don't say.

        Raises:
          RemoteProtocolError: it has no id.
        """
        fields = Fields.of(payload)
        # What it is about stands in an object of its own, or beside the id.
        about = Fields({**fields.raw, **fields.inner("request").raw, **fields.inner("presentation").raw})
        decision = fields.text("decision")
        return cls(
            id=fields.need("id"),
            kind=fields.inner("presentation").text("kind") or fields.text("approvalKind") or kind,
            text=about.text("command") or about.text("commandText") or about.text("title"),
            description=about.text("description") or about.text("warningText"),
            decisions=about.texts("allowedDecisions"),
            status=fields.text("status") or _status(decision),
            decision=decision,
            session_key=about.text("sessionKey") or fields.inner("source").text("sessionKey"),
            agent_id=about.text("agentId"),
            host=about.text("host"),
            cwd=about.text("cwd"),
            created_at=fields.moment("createdAtMs"),
            expires_at=fields.moment("expiresAtMs"),
            raw=fields.raw,
        )


@attrs.frozen(kw_only=True)
class Resolution:
    """What became of a decision."""

    applied: bool = True
    """Whether it was this one that counts: somebody else may have been faster."""
    approval: Approval | None = None
    """How it stands now, where the gateway tells."""

    @classmethod
    def of(cls, payload: Any) -> Resolution:
        """From the answer to ``approval.resolve``, or to one of its older forms."""
        fields = Fields.of(payload)
        approval = fields.raw.get("approval")
        return cls(
            applied=fields.flag("applied") is not False, approval=None if approval is None else Approval.of(approval)
        )


@attrs.frozen
class ApprovalChange:
    """Something happened to an approval."""

    kind: Literal["requested", "resolved", "expired"]
    """Of what was resolved while nobody could tell, the approval's ``decision`` is empty."""
    approval: Approval


def list_of_kind(kind: str) -> Callable[[Any], tuple[Approval, ...]]:
    """What reads a list of approvals of this kind: the whole payload is the list."""
    return lambda payload: tuple(Approval.of(row, kind) for row in objects(payload))


def _status(decision: str) -> str:
    if not decision:
        return "pending"
    return "denied" if decision == "deny" else "allowed"

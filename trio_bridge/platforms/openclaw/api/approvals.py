"""Approvals: what waits for one, what is decided, and what becomes of the others."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final

import attrs

from ..events import GAP, Events
from ..reading import Fields
from .approval_changes import ApprovalChanges
from .approval_results import Approval, Decision, Resolution, list_of_kind
from .asking import Caller

KINDS: Final = ("exec", "plugin")


@attrs.define(eq=False, repr=False)
class Approvals:
    """What agents may only do if somebody approves: ``account.api.approvals``. The scope is ``operator.approvals``.

    They raise what calls of :class:`Sessions` do. Gateways that speak protocol 4 tell a connection with that scope
    alone nothing of what belongs to other people's sessions, though it may get and resolve that by its id; one with
    ``operator.admin``, and ``approvals`` among its ``caps``, is told of everything.
    """

    _caller: Caller
    _events: Events
    _wall: Callable[[], float]

    async def list(self) -> tuple[Approval, ...]:
        """What waits, the oldest first."""
        found: list[Approval] = []
        for kind in KINDS:
            method = f"{kind}.approval.list"
            if not self._caller.lacks(method):
                found += await self._caller.ask(method, {}, list_of_kind(kind))
        return tuple(sorted(found, key=lambda each: each.created_at or 0.0))

    async def get(self, id: str, *, kind: str = "exec") -> Approval:  # noqa: A002
        """One of them. Older gateways are asked for its ``kind`` by its name, and know no such call for plugins."""
        if not self._caller.lacks("approval.get"):
            return await self._caller.ask("approval.get", {"id": id}, _held)
        self._caller.insist(method := f"{kind}.approval.get")
        return await self._caller.ask(method, {"id": id}, lambda payload: Approval.of(payload, kind))

    async def resolve(self, approval: Approval | str, decision: Decision, *, kind: str = "exec") -> Resolution:
        """Decide. The same decision again does no harm; another one is refused: ``APPROVAL_ALREADY_RESOLVED``.

        ``kind`` is for one that is named by its id alone.
        """
        named = {"id": approval, "kind": kind}
        if isinstance(approval, Approval):
            named = {"id": approval.id, "kind": approval.kind}
        if not self._caller.lacks("approval.resolve"):
            return await self._caller.tell("approval.resolve", {**named, "decision": decision}, Resolution.of)
        wanted = {"id": named["id"], "decision": decision}
        return await self._caller.tell(f"{named['kind']}.approval.resolve", wanted, Resolution.of)

    @asynccontextmanager
    async def watch(self) -> AsyncGenerator[ApprovalChanges]:
        """``async with approvals.watch() as changes: async for change in changes``: what waits, then what happens.

        Nothing is missed between the two. After a lost connection, or where events were lost, it looks again, and
        says what it finds: each approval is requested once, and resolved or expired once.
        """
        names = [f"{kind}.approval.{what}" for kind in KINDS for what in ("requested", "resolved")]
        async with self._events.open(*names, GAP) as stream:
            changes = ApprovalChanges(stream, self.list, self._wall)
            await changes.look()
            yield changes


def _held(payload: object) -> Approval:
    return Approval.of(Fields.of(payload).need_object("approval"))

"""What becomes of approvals, as it happens: told by events, by looking, and by the clock.

1. Not every gateway says that nobody decided in time, and some call it a decision of nobody's: each approval has a
   deadline here.
2. An approval that is gone when it is looked for was resolved while nobody could tell.
3. Whatever tells of it first counts. Only that it was resolved is told even behind an expiry: clocks differ.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Final, Literal

import attrs
import trio

from ....errors import BridgeError, RequestFailed
from ..events import GAP, EventStream, GatewayEvent
from ..reading import Unreadable
from .approval_results import Approval, ApprovalChange

LOOK_AGAIN: Final = 5.0
"""Seconds, where looking failed."""
CLOCKS: Final = 1.0
"""Seconds that a gateway may be ahead of us: what is gone undecided, so shortly before its deadline, has expired."""
MOST_PENDING: Final = 10_000
"""Approvals that wait. No person decides more; what is beyond is found once there is room, and somebody looks."""
REMEMBERED: Final = 1000
"""Approvals that wait no more, and that something late may still tell of."""


class ApprovalChanges(AsyncIterator[ApprovalChange]):
    """What happens to approvals. Made by :meth:`Approvals.watch`."""

    def __init__(
        self,
        stream: EventStream,
        look: Callable[[], Awaitable[Iterable[Approval]]],
        wall: Callable[[], float],
    ) -> None:
        self._stream, self._look, self._wall = stream, look, wall
        self._pending: dict[str, tuple[Approval, float]] = {}
        """By id, with the moment in which it expires by our own clock."""
        self._ended: OrderedDict[str, str] = OrderedDict()
        """By id, what was told of those that wait no more; the newest at the end."""
        self._changes: deque[ApprovalChange] = deque()
        self._look_at = math.inf
        """When to look again what waits."""
        self._missed = 0
        """Of the events that found no room, so many were looked for."""

    @property
    def pending(self) -> tuple[Approval, ...]:
        """What waits at this moment."""
        return tuple(approval for approval, _ in self._pending.values())

    async def __anext__(self) -> ApprovalChange:
        """The next change.

        Raises:
          RequestFailed: the gateway does not let us look any more.
          AccountStopped: the account was stopped.
        """
        await trio.lowlevel.checkpoint()
        while not self._changes:
            await self._wait()
        return self._changes.popleft()

    async def look(self) -> None:
        """Ask what waits, and note what differs from what was known."""
        found = {approval.id: approval for approval in await self._look()}
        self._look_at = math.inf
        for approval in found.values():
            left = None if approval.expires_at is None else approval.expires_at - self._wall()
            self._request(approval, left)
        for approval, _ in [*self._pending.values()]:
            if approval.id not in found:
                self._resolve(attrs.evolve(approval, status=""), by_nobody=True)

    async def _wait(self) -> None:
        """Until something happens, or is due. Nothing that lasts keeps anything from expiring in time."""
        self._note_missed(self._stream.missed)
        with trio.move_on_at(min((expires for _, expires in self._pending.values()), default=math.inf)):
            if self._look_at <= trio.current_time():
                await self._try_to_look()
            else:
                with trio.move_on_at(self._look_at):
                    self._hear(await self._stream.__anext__())
        for approval, expires in [*self._pending.values()]:
            if expires <= trio.current_time():
                self._expire(approval)

    async def _try_to_look(self) -> None:
        try:
            await self.look()
        except RequestFailed:
            raise
        except BridgeError:
            # No connection just now, or not enough patience: what waits is still to be looked for.
            self._look_at = trio.current_time() + LOOK_AGAIN

    def _note_missed(self, missed: int) -> None:
        """So many events found no room. The stream tells with its next event, which may be a long time coming."""
        if missed > self._missed:
            self._missed = missed
            self._look_at = trio.current_time()

    def _hear(self, event: GatewayEvent) -> None:
        if event.name == GAP:
            self._look_at = trio.current_time()
        if event.missed:
            self._note_missed(event.missed)
            self._missed = 0
        kind, _, what = event.name.partition(".approval.")
        try:
            approval = Approval.of(event.payload, kind)
        except Unreadable:
            return
        if what == "requested":
            self._request(approval, None)
        elif what == "resolved":
            self._resolve(approval, by_nobody=event.payload.get("resolvedBy", "?") is None)

    def _request(self, approval: Approval, left: float | None) -> None:
        """It waits, for so many seconds; by default for as long as it was given, as it is new."""
        if approval.id in self._pending or approval.id in self._ended or len(self._pending) >= MOST_PENDING:
            return
        if approval.expires_at is None:
            left = math.inf
        elif approval.created_at is not None:
            life = approval.expires_at - approval.created_at
            left = life if left is None else min(left, life)
        elif left is None:
            left = approval.expires_at - self._wall()
        self._pending[approval.id] = approval, trio.current_time() + max(0.0, left)
        self._changes.append(ApprovalChange("requested", approval))

    def _resolve(self, approval: Approval, *, by_nobody: bool) -> None:
        """It was decided; or it is gone, and nobody is known to have decided. Then its deadline may have done so."""
        ended = self._ended.get(approval.id)
        if ended == "resolved" or (ended and by_nobody):
            return
        known, expires = self._pending.get(approval.id, (approval, math.inf))
        if by_nobody and expires - trio.current_time() <= CLOCKS:
            self._expire(known)
            return
        self._end(attrs.evolve(known, status=approval.status, decision=approval.decision), "resolved")

    def _expire(self, approval: Approval) -> None:
        self._end(attrs.evolve(approval, status="expired"), "expired")

    def _end(self, approval: Approval, how: Literal["resolved", "expired"]) -> None:
        self._pending.pop(approval.id, None)
        self._ended[approval.id] = how
        if len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        self._changes.append(ApprovalChange(how, approval))

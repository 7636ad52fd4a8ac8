"""A generation: one connection of an account, and the nurseries that serve it.

The nesting is the policy. Inside, ``io``: what raises there ends the connection and nothing else. One block further
out the workers: when the connection is lost they may finish what they hold. Whatever its connection raises, a
generation ends in an :class:`Outcome`, told to the supervisor before the closing handshake of a deaf peer can delay
anything. A bug in a worker's loop would strike the next generation's workers at once: it is raised, and the account
restarts with delays.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import attrs
import trio

from ..config import AccountConfig
from ..errors import BridgeError, HandshakeFailed
from .bell import Bell
from .dispatch import Crew, Dispatcher
from .governor import connect_governor
from .groups import most_telling
from .inbox import Inbox
from .liveness import Pulse
from .platform import CalledPlatform, Connection, ListeningPlatform, Platform
from .policy import PROVEN_AFTER, Begin
from .serving import Answer, Wiring
from .states import Ended, Fed, Leaving, News, Outcome, Phase, Proven, Ready, Replaced
from .statistics import Counters
from .turns import Secrets, secrets_now, wait_turn

ATTEMPT_LIMIT = 45.0
"""A whole attempt, from the name to the platform's handshake."""
LINGER_IDLE = 15.0
LINGER = 30.0
"""A replaced connection is read on until the server closes it, it was idle for 15 s, or 30 s have passed."""

logger = logging.getLogger(__name__)


@attrs.frozen(kw_only=True)
class Workshop:
    """What all generations of an account share; it lives above them."""

    config: AccountConfig
    platform: Platform
    inbox: Inbox
    dispatcher: Dispatcher
    counters: Counters
    tell: Callable[[News], None]
    on_phase: Callable[[], None]
    answer: Answer
    new_number: Callable[[], int]
    hold_credentials: Callable[[], None]
    """Raises AccountRefused (limited) if another process of this machine uses them."""


class Generation:
    """One connection and its workers, from the wait before the attempt to the end of the last worker."""

    def __init__(self, workshop: Workshop, begin: Begin, tried: Secrets | None = None) -> None:
        self.number = workshop.new_number()
        self.phase: Phase = begin.phase if begin.delay > 0 else "connecting"
        self.begin = begin
        self.retry_at: float | None = None
        self.tried = tried
        """The secrets of the last attempt, here or before: others are worth another one."""
        self.crew = Crew(workshop.dispatcher)
        self._workshop = workshop
        self._label = f"{workshop.config.platform}:{workshop.config.name}/{self.number}"
        self._nudged = Bell()
        self._pulse: Pulse | None = None
        self._wiring: Wiring | None = None
        self._io: trio.Nursery | None = None
        self._ended_by: BridgeError | None = None
        self._proven = False
        self.retired = False

    @property
    def serving(self) -> bool:
        """Whether the connection is up."""
        return self._pulse is not None and not self.retired

    @property
    def pulse(self) -> Pulse | None:
        """What is known of its connection's life; ``None`` before there is one."""
        return self._pulse

    @property
    def connection_id(self) -> str:
        """What the peer calls its connection, if that is known."""
        return "" if self._wiring is None else self._wiring.connection.id

    async def run(self) -> None:
        """Serve one connection, then let the workers finish what they hold."""
        async with trio.open_nursery() as workers:
            for index in range(self._workshop.config.workers):
                workers.start_soon(self.crew.work, name=f"{self._label}/worker-{index}")
            try:
                await self._wait_turn()
                if isinstance(self._workshop.platform, ListeningPlatform):
                    await self._listen(self._workshop.platform)
                elif isinstance(self._workshop.platform, CalledPlatform):
                    await self._stand_open()
                else:
                    await self._connect()
            except* Exception as failures:
                self.retire(failures)
            finally:
                self.retire(None)

    def retire(self, failures: BaseExceptionGroup[Exception] | None) -> None:
        """Note the end of the connection, once: the first cause stands. Workers get their grace."""
        if self.retired:
            return
        self.retired = True
        now = trio.current_time()
        cause = self._ended_by or most_telling(failures)
        # A failure that nobody foresaw is a bug of ours: its generation ends without grace, at no attempt's cost.
        grace = self._workshop.config.drain_grace if isinstance(cause, BridgeError) else 0.0
        self.crew.drain(now + grace)
        pulse = self._pulse
        heard = pulse is not None and self._wiring is not None and self._wiring.link.last_received > pulse.ready_at
        outcome = Outcome(
            cause,
            ended_at=now,
            ready_at=None if pulse is None else pulse.ready_at,
            deliveries=0 if pulse is None else pulse.deliveries,
            heard=heard,
        )
        self._workshop.tell(Ended(self.number, outcome))

    def leave(self, reason: str) -> None:
        """A newer generation is ready: claim nothing more, but read and acknowledge until the server is through."""
        self.crew.dismiss()
        if self._io is not None and not self.retired and self._ended_by is None:
            self._io.start_soon(self._linger, reason, name=f"{self._label}/linger")

    def end(self, reason: str) -> None:
        """Close the connection now."""
        self._ended_by = self._ended_by or Replaced(reason)
        if self._io is not None:
            self._io.cancel_scope.cancel(reason)

    def nudge(self) -> None:
        """Cut the wait before the attempt short."""
        if self.retry_at is not None:
            self._set_phase("connecting")
        self._nudged.ring()

    def check_life(self) -> None:
        """The clock jumped: find out at once whether the peer is still there."""
        if self._wiring is not None:
            self._wiring.clock_jumped.ring()

    async def _wait_turn(self) -> None:
        """Wait out the delay; a nudge or changed secrets cut it short."""
        if self.begin.delay <= 0:
            self._set_phase("connecting")
            return
        self.retry_at = trio.current_time() + self.begin.delay
        self._set_phase(self.begin.phase)
        watched = self._workshop.config if self.begin.phase == "quarantined" else None
        await wait_turn(self._nudged, self.retry_at, watched=watched, before=self.tried)
        self.retry_at = None
        self._set_phase("connecting")

    async def _connect(self) -> None:
        governor = connect_governor()
        await governor.admit(self)
        admitted = True
        limit = trio.CancelScope(relative_deadline=ATTEMPT_LIMIT)
        try:
            with limit:
                self._workshop.hold_credentials()
                self.tried = secrets_now(self._workshop.config)
                async with self._workshop.platform.connect() as connection:
                    limit.deadline = float("inf")
                    governor.release(self)
                    admitted = False
                    await self._serve(connection)
        finally:
            if admitted:
                governor.release(self)
        if limit.cancelled_caught:
            raise HandshakeFailed(f"not connected within {ATTEMPT_LIMIT:g} s", stage="handshake")

    async def _serve(self, connection: Connection) -> None:
        now = trio.current_time()
        pulse = Pulse(ready_at=now)
        if connection.answered:
            pulse.last_ping_at = pulse.last_pong_at = now
        try:
            async with trio.open_nursery() as io:
                self._io, self._pulse = io, pulse
                self._wiring = Wiring(self._workshop.config, connection, pulse, self._workshop.counters)
                self._wiring.serve(
                    io,
                    self._workshop.inbox,
                    self._workshop.answer,
                    self._label,
                    on_leaving=lambda reason: self._workshop.tell(Leaving(self.number, reason)),
                    on_fed=lambda: self._workshop.tell(Fed(self.number)),
                    on_proven=self._prove,
                )
                self._set_phase("ready")
                self._workshop.tell(Ready(self.number))
        except* Exception as losses:
            self.retire(losses)  # before the closing handshake
        self.retire(None)

    async def _stand_open(self) -> None:
        """Be ready: the account's door is open. Whoever calls there needs nothing of this generation."""
        self._workshop.hold_credentials()
        self._pulse = Pulse(ready_at=trio.current_time())
        self._set_phase("ready")
        self._workshop.tell(Ready(self.number))
        await trio.sleep_forever()

    async def _listen(self, platform: ListeningPlatform) -> None:
        """Serve every peer that connects: each on its own, none of them able to end the others."""
        async with platform.listen() as peers, trio.open_nursery() as io:
            self._io, self._pulse = io, Pulse(ready_at=trio.current_time())
            self._set_phase("ready")
            self._workshop.tell(Ready(self.number))
            async for peer in peers:
                io.start_soon(self._serve_peer, peer, name=f"{self._label}/peer")

    async def _serve_peer(self, peer: AbstractAsyncContextManager[Connection]) -> None:
        shop = self._workshop
        label = f"{shop.config.platform}:{shop.config.name}/{shop.new_number()}"
        try:
            async with peer as connection, trio.open_nursery() as io:
                Wiring(shop.config, connection, Pulse(ready_at=trio.current_time()), shop.counters).serve(
                    io, shop.inbox, shop.answer, label
                )
        except* BridgeError as losses:
            logger.info("a peer is gone", extra={"peer": label, "cause": str(most_telling(losses))})
        except* Exception as bugs:
            # A wall: each peer's connection is a generation of its own, and its failure nobody else's.
            logger.exception("a peer's connection failed unexpectedly", exc_info=bugs, extra={"peer": label})

    def _prove(self) -> None:
        pulse = self._pulse
        if not self._proven and pulse is not None and trio.current_time() - pulse.ready_at >= PROVEN_AFTER:
            self._proven = True
            self._workshop.tell(Proven(self.number))

    async def _linger(self, reason: str) -> None:
        assert self._pulse is not None
        began = trio.current_time()
        while True:
            last = max(began, self._pulse.last_delivery_at or began)
            until = min(began + LINGER, last + LINGER_IDLE)
            if trio.current_time() >= until:
                break
            await trio.sleep_until(until)
        self.end(reason)

    def _set_phase(self, phase: Phase) -> None:
        self.phase = phase
        self._workshop.on_phase()

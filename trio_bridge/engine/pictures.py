"""What an account shows of itself at one moment, besides its state."""

from __future__ import annotations

import math
from typing import TypedDict

import trio

from .life import Life
from .states import Trouble
from .statistics import ConnectionStatistics, LastError


class Figures(TypedDict):
    """What :class:`AccountStatistics` takes from the life of an account: see there."""

    attempt: int
    next_retry_at: float | None
    last_inbound_at: float | None
    last_outbound_at: float | None
    last_pong_at: float | None
    inbox_depth: int
    outbox_depth: int
    dead_letters: int
    running_handlers: int
    draining_generations: int


NO_LIFE = Figures(
    attempt=0,
    next_retry_at=None,
    last_inbound_at=None,
    last_outbound_at=None,
    last_pong_at=None,
    inbox_depth=0,
    outbox_depth=0,
    dead_letters=0,
    running_handlers=0,
    draining_generations=0,
)


def figures_of(life: Life | None, *, wall: float) -> Figures:
    """What an account's life shows; ``wall`` is what the wall clock says now."""
    if life is None:
        return NO_LIFE
    offset, current = wall - trio.current_time(), life.supervisor.current
    retry_at = None if current is None else current.retry_at
    pulse = None if current is None else current.pulse
    pong_at = None if pulse is None else pulse.last_pong_at
    return Figures(
        attempt=life.supervisor.attempt,
        next_retry_at=None if retry_at is None or retry_at == math.inf else retry_at + offset,
        last_inbound_at=life.inbox.last_arrival_at,
        last_outbound_at=life.outbox.last_sent_at,
        last_pong_at=None if pong_at is None else pong_at + offset,
        inbox_depth=life.inbox.depth,
        outbox_depth=life.outbox.depth,
        dead_letters=life.dead_letters,
        running_handlers=life.inbox.busy,
        draining_generations=life.supervisor.draining,
    )


def connection_of(life: Life | None, *, connecting: bool, wall: float) -> ConnectionStatistics:
    """The connection of an account's life, or its attempts at one; ``wall`` is what the wall clock says now."""
    now = trio.current_time()
    supervisor = None if life is None else life.supervisor
    serving = None if supervisor is None else supervisor.serving
    pulse = None if serving is None else serving.pulse
    pong_at = None if pulse is None else pulse.last_pong_at
    failing_since = None if supervisor is None else supervisor.failing_since

    def on_wall(at: float | None) -> float | None:
        return None if at is None else at - now + wall

    return ConnectionStatistics(
        step=life.platform.step if life is not None and connecting else "",
        id="" if serving is None else serving.connection_id,
        connected_at=None if pulse is None else on_wall(pulse.ready_at),
        failing_for=0.0 if failing_since is None else now - failing_since,
        last_ping_at=None if pulse is None else on_wall(pulse.last_ping_at),
        last_pong_at=on_wall(pong_at),
        pong_age=None if pong_at is None else now - pong_at,
    )


def error_of(trouble: Trouble | None, *, wall: float) -> LastError | None:
    """The last thing that went wrong with an account, as it may be shown."""
    if trouble is None:
        return None
    error = trouble.error
    return LastError(
        type(error).__name__,
        str(getattr(error, "code", "") or ""),
        str(error),
        at=trouble.at - trio.current_time() + wall,
        step=trouble.step,
        severity=trouble.severity,
    )

"""Notices that this machine slept, or that this process was stopped: connections may have died unnoticed."""

from __future__ import annotations

import logging
from collections.abc import Callable

import trio

TICK = 1.0
JUMP = 10.0
"""Seconds by which the wall clock, or a tick, must be ahead before it counts as a jump."""
LAG = 0.1
"""Seconds by which a tick may be late before it is worth a warning: somebody blocks the loop."""

logger = logging.getLogger(__name__)


async def watch_clock(wall: Callable[[], float], on_jump: Callable[[], None]) -> None:
    """Call ``on_jump`` after each jump, until cancelled.

    A machine that was suspended shows as a wall clock ahead of the monotonic one; a process that was stopped (SIGSTOP
    moves both alike) as a tick that comes late.
    """
    while True:
        wall_before, before = wall(), trio.current_time()
        await trio.sleep(TICK)
        passed = trio.current_time() - before
        if passed - TICK > JUMP or (wall() - wall_before) - passed > JUMP:
            on_jump()
        elif passed - TICK > LAG:
            logger.warning("the loop was blocked", extra={"seconds": round(passed - TICK, 2)})

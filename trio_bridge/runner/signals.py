"""Signals from the operator: the first asks to finish, the second to end."""

from __future__ import annotations

import logging
import signal

import trio

logger = logging.getLogger(__name__)


async def heed_signals(
    finish: trio.Event, everything: trio.CancelScope, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    """Set ``finish`` at the first SIGTERM or SIGINT, and cancel ``everything`` at the second.

    After that the signals have their usual effect again: a third one kills.
    """
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            name = signal.Signals(number).name
            if finish.is_set():
                logger.warning("ending at once", extra={"signal": name})
                everything.cancel(reason=f"a second signal: {name}")
                return
            logger.info("finishing what is in hand; a second signal ends at once", extra={"signal": name})
            finish.set()

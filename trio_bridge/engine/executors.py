"""Who waits for the disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import trio

T = TypeVar("T")


class Executor(Protocol):
    """Runs a function that may wait for the disk, and returns what it returned."""

    async def __call__(self, function: Callable[[], T], /) -> T: ...


def in_thread() -> Executor:
    """An executor with a thread of its own, never abandoned half way."""
    limiter = trio.CapacityLimiter(1)

    async def execute(function: Callable[[], T], /) -> T:
        return await trio.to_thread.run_sync(function, limiter=limiter)

    return execute


async def inline(function: Callable[[], T], /) -> T:
    """An executor without a thread: for tests in virtual time, whose clock runs on while a thread works."""
    await trio.lowlevel.checkpoint()
    return function()

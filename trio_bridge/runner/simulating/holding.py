"""How a stage waits for what a step expects, and how much it tells of what is missing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from itertools import islice

import trio

from .platforms import Unmet

REASONS = 5
"""Reasons why a step may have waited in vain: they are told in one line."""
TOLD = 20
"""Lines about what is missing in the end; of more, it is told how many they are."""

Holds = Callable[[], bool]


async def hold(
    wait_until: Callable[[Holds], Awaitable[None]], holds: Holds, within: float, reasons: Iterable[str]
) -> None:
    """Return when it holds; ``reasons`` are looked through only if that takes too long.

    Raises:
      Unmet: it did not hold in time, with reasons why it may be so.
    """
    with trio.move_on_after(within) as patience:
        await wait_until(holds)
    if patience.cancelled_caught:
        raise Unmet("; ".join([f"not within {within:g} s", *islice(reasons, REASONS)]))


def beginning(lines: list[str], things: str) -> list[str]:
    """The first of the lines, and how many ``things`` more there are."""
    return lines if len(lines) <= TOLD else [*lines[:TOLD], f"{len(lines) - TOLD} {things} more"]

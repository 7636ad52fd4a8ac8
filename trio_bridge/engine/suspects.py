"""Deliveries that may be what kills the process: of all of them, one is handled at a time.

What is in hand when a process dies is its cause, or was only there. One more death would bury either. Handled one by
one, only the cause can be in hand at the next death; what was only there survives, and is handled.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

_trial: trio.lowlevel.RunVar[trio.Lock] = trio.lowlevel.RunVar("trio_bridge_trial")


def _on_trial() -> trio.Lock:
    """What a suspect of any account of this Trio run holds while it is handled."""
    try:
        return _trial.get()
    except LookupError:
        lock = trio.Lock()
        _trial.set(lock)
        return lock


@attrs.define(eq=False)
class Suspects:
    """The suspects of one account. Their lanes are held back until ``let_in`` is called for them, one after another."""

    _let_in: Callable[[str], None]
    _waiting: dict[int, tuple[str, trio.Event]] = attrs.field(factory=dict, init=False)

    def add(self, seq: int, lane: str) -> None:
        """This one must wait for its turn."""
        self._waiting[seq] = lane, trio.Event()

    def cleared(self, seq: int) -> None:
        """This one was handled, or gone, and the process lives."""
        if seq in self._waiting:
            _, cleared = self._waiting.pop(seq)
            cleared.set()

    async def run(self) -> None:
        """Let one after another in, in the order in which they came."""
        for lane, cleared in list(self._waiting.values()):
            async with _on_trial():
                self._let_in(lane)
                await cleared.wait()

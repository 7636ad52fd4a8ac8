"""A bell: rung by anybody, heard once by the one task that listens."""

from __future__ import annotations

import trio


class Bell:
    """Remembers one ring, so that none between two waits is missed."""

    def __init__(self) -> None:
        self._rung = trio.Event()

    def ring(self) -> None:
        """Wake the listener, or have its next wait return at once."""
        self._rung.set()

    async def wait(self) -> None:
        """Return as soon as the bell has rung since the last wait. A checkpoint."""
        await self._rung.wait()
        self._rung = trio.Event()

    async def wait_until(self, deadline: float) -> None:
        """The same, but return at ``deadline`` at the latest."""
        with trio.CancelScope(deadline=deadline):
            await self.wait()

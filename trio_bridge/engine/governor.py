"""How many connections one process opens: the same limit for all accounts of a Trio run."""

from __future__ import annotations

from collections import deque

import trio

CONNECTS_PER_SECOND = 25
HANDSHAKES_AT_ONCE = 50
HERD = 10
HERD_WINDOW = 1.0
"""Ten connections lost within a second: a herd, whose return is spread."""


class ConnectGovernor:
    """Lets connection attempts through, in order, at most 25 in any second and 50 under way."""

    def __init__(self) -> None:
        self._handshakes = trio.CapacityLimiter(HANDSHAKES_AT_ONCE)
        self._admitted: deque[float] = deque(maxlen=CONNECTS_PER_SECOND)
        self._gate = trio.StrictFIFOLock()
        self._losses: deque[float] = deque(maxlen=HERD)

    async def admit(self, holder: object) -> None:
        """Wait for a turn to connect. Every turn must be given back with :meth:`release` once the attempt is over."""
        await self._handshakes.acquire_on_behalf_of(holder)
        try:
            async with self._gate:
                if len(self._admitted) == CONNECTS_PER_SECOND:
                    await trio.sleep_until(self._admitted[0] + 1.0)
                self._admitted.append(trio.current_time())
        except BaseException:
            self._handshakes.release_on_behalf_of(holder)
            raise

    def release(self, holder: object) -> None:
        """Give the turn back."""
        self._handshakes.release_on_behalf_of(holder)

    def lost(self) -> bool:
        """Note a lost connection; true if it is one of many that were lost together."""
        now = trio.current_time()
        self._losses.append(now)
        return len(self._losses) == HERD and now - self._losses[0] <= HERD_WINDOW


_governor: trio.lowlevel.RunVar[ConnectGovernor] = trio.lowlevel.RunVar("trio_bridge_connect_governor")


def connect_governor() -> ConnectGovernor:
    """The governor of this Trio run."""
    try:
        return _governor.get()
    except LookupError:
        governor = ConnectGovernor()
        _governor.set(governor)
        return governor

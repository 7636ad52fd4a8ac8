"""Whether the credentials of an account are good, asked now and then."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import attrs
import trio

from ....errors import BridgeError, NotSent
from ..failures import failure
from ..standing import Standing
from ..tokens import AccessToken
from .results import Probe

LIMIT: Final = 10.0
"""Seconds that a probe takes at most."""
GOOD_FOR: Final = 600.0
"""Seconds for which a yes is not asked for again."""
BAD_FOR: Final = 60.0
"""The same for everything else."""


@attrs.define(eq=False)
class Prober:
    """Asks for an access token, which is thrown away: one that is in use says nothing of a secret that was changed."""

    _token: AccessToken
    _standing: Standing
    _wall: Callable[[], float]
    last: Probe | None = None
    _asked_at: float = -math.inf
    _asking: trio.Lock = attrs.field(factory=trio.Lock, repr=False)

    async def probe(self) -> Probe:
        """What the last probe came to while that holds, else what a new one does."""
        async with self._asking:
            age = trio.current_time() - self._asked_at
            if self.last is None or age >= (GOOD_FOR if self.last.ok else BAD_FOR):
                asked_at, at = trio.current_time(), self._wall()
                self.last = Probe(at=at, error=await self._trouble())
                self._asked_at = asked_at
            return self.last

    async def _trouble(self) -> BridgeError | None:
        try:
            self._standing.check()
            with trio.move_on_after(LIMIT):
                outcome = self._standing.note(await self._token.ask())
                return None if outcome.category == "ok" else failure(outcome)
        except BridgeError as error:
            return error
        return NotSent(f"DingTalk did not answer within {LIMIT:g} s")

"""How an account stands with DingTalk: what is known of it, and what comes of asking now and then."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

import attrs
import trio

from ....errors import BridgeError, NotSent
from ..config import DingTalk
from ..failures import failure
from ..rest import Rest
from .results import ApiStatus, Probe

LIMIT: Final = 10.0
"""Seconds that a probe takes at most."""
GOOD_FOR: Final = 600.0
"""Seconds for which a yes is not asked for again."""
BAD_FOR: Final = 60.0
"""The same for everything else."""


@attrs.define(eq=False)
class Health:
    """Tells how one account stands."""

    _config: DingTalk
    _rest: Rest
    _wall: Callable[[], float]
    _last: Probe | None = None
    _asked_at: float = -math.inf
    _asking: trio.Lock = attrs.field(factory=trio.Lock, repr=False)

    def status(self) -> ApiStatus:
        """What is known. Nothing is asked for."""
        now, rest = trio.current_time(), self._rest
        gone_at = rest.standing.quota_gone_at
        return ApiStatus(
            account=self._config.name,
            client_id=self._config.client_id,
            robot_code=self._config.robot_code,
            token_age=rest.token.age,
            old_token_age=rest.old_token.age,
            banned_for=max(0.0, rest.standing.banned_until - now),
            quota_gone_at=None if gone_at is None else self._wall() - (now - gone_at),
            probe=self._last,
        )

    async def probe(self) -> Probe:
        """What the last probe came to while that holds, else what a new one does.

        It asks for an access token, which is thrown away: one that is in use says nothing of a secret that was changed.
        """
        async with self._asking:
            age = trio.current_time() - self._asked_at
            if self._last is None or age >= (GOOD_FOR if self._last.ok else BAD_FOR):
                asked_at, at = trio.current_time(), self._wall()
                self._last = Probe(at=at, error=await self._trouble())
                self._asked_at = asked_at
            return self._last

    async def _trouble(self) -> BridgeError | None:
        standing = self._rest.standing
        try:
            standing.check()
            with trio.move_on_after(LIMIT):
                outcome = standing.note(await self._rest.token.ask())
                return None if outcome.category == "ok" else failure(outcome)
        except BridgeError as error:
            return error
        return NotSent(f"DingTalk did not answer within {LIMIT:g} s")

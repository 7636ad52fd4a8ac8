"""How the app stands with DingTalk: whether its address is banned, and whether its calls of the month are used up."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Any, Final

import attrs
import trio

from ...errors import NotSent
from .codes import BAN, Outcome

BETWEEN_COMPLAINTS: Final = 3600.0
"""Seconds between two lines in the log about calls that are used up."""

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class Standing:
    """What answers said that concerns every call of the account, whichever call it was. Times by Trio's clock."""

    _labels: Mapping[str, Any] = attrs.field(factory=dict)
    banned_until: float = -math.inf
    """Until then no call is made: each would be refused, and might prolong the ban."""
    quota_gone_at: float | None = None
    """When DingTalk last said that the organisation's calls of the month are used up; ``None``: it never did."""
    _complained_at: float = -math.inf

    def check(self) -> None:
        """See that a call may be made.

        Raises:
          NotSent: the address is banned for ``retry_after`` seconds.
        """
        left = self.banned_until - trio.current_time()
        if left > 0:
            raise NotSent("DingTalk has banned this machine's address for too many calls", retry_after=left)

    def note(self, outcome: Outcome) -> Outcome:
        """The same outcome, heeded."""
        if outcome.banned:
            self._note_ban()
        elif outcome.category == "quota":
            self._note_quota(outcome)
        return outcome

    def _note_ban(self) -> None:
        self.banned_until = trio.current_time() + BAN
        logger.warning("DingTalk has banned this address: no call for a while", extra={**self._labels, "seconds": BAN})

    def _note_quota(self, outcome: Outcome) -> None:
        now = self.quota_gone_at = trio.current_time()
        if now - self._complained_at >= BETWEEN_COMPLAINTS:
            self._complained_at = now
            logger.error("the organisation's calls are used up", extra={**self._labels, "code": outcome.code})

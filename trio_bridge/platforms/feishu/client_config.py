"""What the server says about pings and returns: taken over field by field, and never out of bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import attrs

from ...engine.policy import ReturnWishes
from .config import Feishu

LONGEST_INTERVAL: Final = 600.0
LONGEST_NONCE: Final = 300.0


@attrs.frozen(kw_only=True)
class ClientConfig:
    """What holds for an account, from one connection to the next. Seconds; the defaults are Feishu's own."""

    reconnect_count: int = -1
    """Attempts in a row before it wants a longer rest; negative: no such wish."""
    reconnect_interval: float = 120.0
    """The longest time between two attempts."""
    reconnect_nonce: float = 30.0
    """After a lost connection clients return by chance within this time."""
    ping_interval: float = 120.0
    """From one ping of Feishu's own kind to the next."""

    def merged(self, said: Any, *, shortest_ping: float) -> ClientConfig:
        """With what a server said in its own words. What it left out, or what is no number, stays as it was."""
        if not isinstance(said, Mapping):
            return self
        count = _number(said.get("ReconnectCount"))
        interval = _number(said.get("ReconnectInterval"))
        nonce = _number(said.get("ReconnectNonce"))
        ping = _number(said.get("PingInterval"))
        return ClientConfig(
            reconnect_count=self.reconnect_count if count is None else max(-1, math.floor(min(count, 2**31))),
            reconnect_interval=self.reconnect_interval
            if interval is None
            else _within(interval, 1.0, LONGEST_INTERVAL),
            reconnect_nonce=self.reconnect_nonce if nonce is None else _within(nonce, 0.0, LONGEST_NONCE),
            ping_interval=self.ping_interval if ping is None else _within(ping, shortest_ping, LONGEST_INTERVAL),
        )

    def wishes(self, rest: float) -> ReturnWishes:
        """The same for the law of returns. ``rest`` is how long it is left alone when it wants to be."""
        return ReturnWishes(
            spread=self.reconnect_nonce,
            cap=self.reconnect_interval,
            tries=None if self.reconnect_count < 0 else self.reconnect_count,
            rest=rest,
        )


@attrs.define(eq=False)
class Terms:
    """What the server said last, known to all connections of an account."""

    _account: Feishu
    config: ClientConfig = attrs.field(factory=ClientConfig)

    def heed(self, said: Any) -> None:
        """Take over what the server said."""
        self.config = self.config.merged(said, shortest_ping=self._account.ping_interval_min)

    @property
    def wishes(self) -> ReturnWishes:
        """What it asked of us about coming back."""
        return self.config.wishes(self._account.slow_retry)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _within(value: float, least: float, most: float) -> float:
    return min(max(value, least), most)

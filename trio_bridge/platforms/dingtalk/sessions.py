"""Session webhooks: each message brings one, for answers to its conversation, for a while and not too many."""

from __future__ import annotations

from collections import deque
from typing import Final

from ...transport.urls import is_loopback
from .config import DingTalk
from .targets import Target
from .urls import host_of, is_vetted

MESSAGES: Final = 20
WINDOW: Final = 60.0
"""A webhook takes 20 messages in 60 s."""

MARGIN: Final = 60.0
"""Seconds before its end in which a webhook is no longer used: our clock is not DingTalk's."""


class Sessions:
    """Which session webhooks may be used now."""

    def __init__(self, config: DingTalk) -> None:
        self._hosts = frozenset({host_of(config.oapi_endpoint), *(host.lower() for host in config.webhook_hosts)})
        self._loopback = is_loopback(host_of(config.endpoint))
        self._insecure = config.allow_insecure
        self._uses: dict[str, deque[float]] = {}

    def is_open(self, target: Target, wall: float) -> bool:
        """Whether the target came with a webhook that still lives, at a host we trust with an answer."""
        if not target.webhook or (target.expires and wall >= target.expires / 1000 - MARGIN):
            return False
        return is_vetted(target.webhook, hosts=self._hosts, loopback=self._loopback, insecure=self._insecure)

    def wait(self, webhook: str, now: float) -> float:
        """Seconds until the webhook takes another message; 0: now."""
        uses = self._uses.get(webhook)
        return max(0.0, uses[0] + WINDOW - now) if uses and len(uses) == MESSAGES else 0.0

    def use(self, webhook: str, now: float) -> None:
        """Count a message."""
        uses = self._uses.pop(webhook, None) or deque(maxlen=MESSAGES)
        uses.append(now)
        self._uses[webhook] = uses  # at the end: the dictionary is in order of last use
        self._forget(now)

    def exhaust(self, webhook: str, now: float) -> None:
        """DingTalk counted more messages than we did: leave it alone for a window."""
        for _ in range(MESSAGES):
            self.use(webhook, now)

    def _forget(self, now: float) -> None:
        for webhook, uses in list(self._uses.items()):
            if uses[-1] + WINDOW > now:
                return
            del self._uses[webhook]

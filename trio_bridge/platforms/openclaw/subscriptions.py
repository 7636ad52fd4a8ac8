"""What the gateway tells only those who ask. It forgets with each connection who asked, so it is asked on each."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from ...errors import BridgeError
from .calls import Calls

SESSIONS: Final = ("sessions.subscribe", "")
"""Changes in the list of sessions."""

Wish = tuple[str, str]
"""A method that subscribes, and the key of the session that it is about, if it is about one."""

logger = logging.getLogger(__name__)


def messages_of(session_key: str) -> Wish:
    """The messages of one session, as they are written."""
    return ("sessions.messages.subscribe", session_key)


class Subscriptions:
    """What somebody wants to be told, for as long as somebody does."""

    def __init__(self, calls: Calls, labels: Mapping[str, Any]) -> None:
        self._calls = calls
        self._labels = labels
        self._wanted: Counter[Wish] = Counter()

    @asynccontextmanager
    async def wanted(self, wishes: Iterable[Wish]) -> AsyncGenerator[None]:
        """Be told while the block runs, on this connection and on those to come.

        Without a connection the block begins at once: there is nothing to be told.

        Raises:
          RequestFailed: the gateway says no.
        """
        wishes = tuple(wishes)
        new = [wish for wish in wishes if not self._wanted[wish]]
        self._wanted.update(wishes)
        try:
            if self._calls.line is not None:
                for wish in new:
                    await self._ask(wish)
            yield
        finally:
            # The gateway is not told: what it says in vain is passed over, and ends with the connection.
            self._wanted.subtract(wishes)
            self._wanted = +self._wanted

    async def renew(self) -> None:
        """Ask for everything that is wanted, on a new connection."""
        for wish in tuple(self._wanted):
            try:
                await self._ask(wish)
            except BridgeError as error:
                fields = {**self._labels, "what": wish[0], "cause": str(error)}
                logger.warning("the gateway did not renew a subscription", extra=fields)

    async def _ask(self, wish: Wish) -> None:
        method, key = wish
        await self._calls.request(method, {"key": key} if key else {}, when_ready=True, idempotent=True)

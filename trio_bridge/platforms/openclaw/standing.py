"""How an account has fared with its gateway: for people who look, nothing decides by it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

import attrs
import trio

from ...errors import BridgeError
from .protocol import OpenClawProtocol

T = TypeVar("T")


@attrs.define(eq=False)
class Standing:
    """What became of the attempts to connect."""

    _wall: Callable[[], float]
    attempts: int = attrs.field(default=0, init=False)
    """Since one last worked."""
    connected_at: float | None = attrs.field(default=None, init=False)
    """When the gateway last let us in: seconds since the epoch, as all times here."""
    last_error: BridgeError | None = attrs.field(default=None, init=False)
    """Why the last attempt failed, or the last connection ended."""
    _protocol: OpenClawProtocol | None = attrs.field(default=None, init=False)

    @asynccontextmanager
    async def attempt(self, connecting: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
        """An attempt to connect, and what comes of it."""
        self.attempts += 1
        try:
            async with connecting as connected:
                yield connected
        except BridgeError as error:
            self.last_error = error.with_traceback(None)
            raise

    def let_in(self, protocol: OpenClawProtocol) -> None:
        """It worked."""
        self.attempts = 0
        self.connected_at = self._wall()
        self._protocol = protocol

    def lost(self, cause: BridgeError) -> None:
        """And now the connection is gone."""
        self.last_error = cause

    @property
    def heard_at(self) -> float | None:
        """When the gateway last said something, if it said anything behind its hello."""
        if self._protocol is None or not self._protocol.heard_at:
            return self.connected_at
        return self._protocol.heard_at + self._wall() - trio.current_time()

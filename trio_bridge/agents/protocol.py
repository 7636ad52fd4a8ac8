"""What answers a message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from typing import Protocol

from ..messages import Message


class Agent(Protocol):
    """Anything that can be called with a message: an async function, an async generator, an object of one's own.

    Awaiting the call gives one reply or ``None``; the reply is committed in the moment in which the message is done.
    An async generator gives the pieces of a reply that grows while it is written.
    """

    def __call__(self, message: Message, /) -> Awaitable[str | None] | AsyncIterator[str]: ...

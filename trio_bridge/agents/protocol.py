"""What answers a message, and what may have to be open while it does."""

from __future__ import annotations

import abc
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, TypeVar

from ..engine.environment import Environment
from ..engine.platform import PlatformConfig
from ..messages import Message


class Agent(Protocol):
    """Anything that can be called with a message: an async function, an async generator, an object of one's own.

    Awaiting the call gives one reply or ``None``; the reply is committed in the moment in which the message is done.
    An async generator gives the pieces of a reply that grows while it is written.
    """

    def __call__(self, message: Message, /) -> Awaitable[str | None] | AsyncIterator[str]: ...


class OpenableAgent(abc.ABC):
    """A description of an agent that keeps something open while it answers: connections, a process.

    It can be given to :func:`trio_bridge.open_bridge` like any handler: the bridge opens it before the first message
    and closes it after the last. The same description may be opened several times.
    """

    @abc.abstractmethod
    def open(self, environment: Environment) -> AbstractAsyncContextManager[Agent]:
        """Open what the agent needs; the agent answers while the block runs. Needs no peer: that may come later.

        Raises:
          ConfigError: what it was told can't be used.
        """

    def accounts(self) -> Sequence[PlatformConfig]:
        """The accounts that the agent runs for itself while it is open, in a part of the store that is its own.

        A check tries them as it tries those of the bridge, and :meth:`probe` only where they were let in.
        """
        return ()

    async def probe(self, environment: Environment) -> str:
        """Try, without a message, whether it would answer. Returns a few words on what was found.

        Raises:
          BridgeError: it would not, and why.
        """
        async with self.open(environment):
            return "can be opened"


T = TypeVar("T")


@asynccontextmanager
async def open_agent(agent: T | OpenableAgent, environment: Environment) -> AsyncGenerator[T | Agent]:
    """The agent itself while the block runs: opened, where there is something to open."""
    if isinstance(agent, OpenableAgent):
        async with agent.open(environment) as opened:
            yield opened
    else:
        yield agent

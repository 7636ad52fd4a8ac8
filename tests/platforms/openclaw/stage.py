"""A simulated gateway in memory, and accounts of ours on it, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import attrs
import trio

from trio_bridge.engine.account import Account
from trio_bridge.engine.dispatch import Handler
from trio_bridge.engine.environment import Environment
from trio_bridge.engine.executors import inline
from trio_bridge.engine.store import Store
from trio_bridge.opening import open_account
from trio_bridge.platforms.openclaw.gateway.methods import Personality
from trio_bridge.platforms.openclaw.gateway.script import Responder, echo
from trio_bridge.testing.openclaw import OpenClawSimulator
from trio_bridge.transport.memory import MemoryNetwork

EPOCH = 1_790_000_000.0
LONGEST = 300_000.0
"""A loop that is never ready would spin virtual time for good: this turns it into a failure."""


def wall() -> float:
    return EPOCH + trio.current_time()


@attrs.frozen(eq=False)
class Stage:
    """A simulator, and what an account needs to be played on it."""

    network: MemoryNetwork
    gateway: OpenClawSimulator
    environment: Environment

    def account(
        self, handler: Handler | None = None, *, store: str | Store = "memory:", **tuning: Any
    ) -> AbstractAsyncContextManager[Account]:
        """An account at the simulator. ``tuning`` changes its configuration."""
        return open_account(self.gateway.config(**tuning), handler, store=store, environment=self.environment)

    @property
    def logins(self) -> Sequence[dict[str, Any]]:
        """What ``connect`` was called with, each time."""
        return [asked.params for asked in self.gateway.asked_for("connect")]

    @property
    def tried_at(self) -> Sequence[float]:
        """When it was."""
        return [asked.at for asked in self.gateway.asked_for("connect")]


@asynccontextmanager
async def simulated(*, rand: Callable[[], float] = lambda: 0.5, **options: Any) -> AsyncIterator[Stage]:
    """A stage for one test. Chance always draws the middle."""
    network = MemoryNetwork()
    with trio.fail_after(LONGEST):
        async with OpenClawSimulator(network=network, seed=7, wall=wall, **options) as gateway:
            yield Stage(network, gateway, Environment(network=network, rand=rand, wall=wall, disk=inline))


@asynccontextmanager
async def opened(
    handler: Handler | None = None, *, protocol: Personality = 4, agent: Responder = echo, **tuning: Any
) -> AsyncIterator[tuple[OpenClawSimulator, Account]]:
    """A simulated gateway whose agent is ``agent``, and an account of ours that it has let in."""
    async with simulated(protocol=protocol) as stage:
        stage.gateway.agent = agent
        async with stage.gateway.open_account(handler, **tuning) as account:
            yield stage.gateway, account

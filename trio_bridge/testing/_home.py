"""Where accounts of ours live while a test runs: at a simulated chat platform."""

from __future__ import annotations

import abc
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Generic

from ..transport.network import Network
from ._answers import Answers, AnySent
from ._world import environment_of

if TYPE_CHECKING:
    from ..agents.protocol import OpenableAgent
    from ..engine.account import Account
    from ..engine.dispatch import Handler
    from ..engine.environment import Environment
    from ..engine.platform import PlatformConfig
    from ..engine.store import Store


class Home(abc.ABC, Generic[AnySent]):
    """A simulator at which accounts can be opened. Whoever waits for their answers is told how they are."""

    _network: Network
    _wall: Callable[[], float]
    _rng: random.Random
    _answers: Answers[AnySent]

    @abc.abstractmethod
    def config(self, name: str = ..., **tuning: Any) -> PlatformConfig:
        """An account at this simulator."""

    @property
    def environment(self) -> Environment:
        """What a bridge needs to live in the world of this simulator: its network and its clock."""
        return environment_of(self._network, self._wall, self._rng)

    @asynccontextmanager
    async def open_account(
        self, handler: Handler | OpenableAgent | None = None, *, store: str | Store = "memory:", **tuning: Any
    ) -> AsyncGenerator[Account]:
        """Run an account of ours at this simulator while the block runs. The block begins when it is connected.

        ``tuning`` changes its configuration, as for :meth:`config`.

        Raises:
          AssertionError: it was not ready within the patience.
        """
        from ..opening import open_account  # whoever tests another client needs nothing of ours

        config = self.config(**tuning)
        async with open_account(config, handler, store=store, environment=self.environment) as account:
            self._answers.accounts.append(account)
            try:
                with self._answers.impatient(f"account {config.name} was not ready"):
                    await account.wait_ready()
                yield account
            finally:
                self._answers.accounts.remove(account)

"""The gateway behind an agent: one account, one connection, whoever asks; and the waiting for it."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import trio

from ...engine.account import Account
from ...engine.bridge import serve_bridge
from ...engine.environment import Environment
from ...engine.states import AccountState
from ...engine.store import Store
from ...errors import AccountRefused, AccountStopped, BridgeError, ConfigError, Postponed
from ...nurseries import open_background
from ...platforms.openclaw.api.api import OpenClawApi
from ...platforms.openclaw.config import OpenClaw
from ...platforms.openclaw.hello import Hello
from ...stores.memory import MemoryStore
from ..apart import Apart

AGAIN: Final = 5.0
"""Seconds until a message looks again whether a gateway is back. Only the first of each conversation looks."""
GOING: Final = 1.0
"""Seconds between the last word of a gateway that stops and the end of its connections: it needs less than a tenth."""
MENDED: Final = 15.0
"""The same where a person has to do something."""
SPACING: Final = 0.01
"""Seconds between the looks of two conversations: thousands that wait would keep the store busy all the time."""

logger = logging.getLogger(__name__)

_OPEN: Final[trio.lowlevel.RunVar[list[tuple[Store, OpenClaw, Gateway]]]] = trio.lowlevel.RunVar("open gateways")


class Gateway:
    """A gateway that may be away."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._is_waited_for = False
        self._last_look = 0.0
        self._away_since: float | None = trio.current_time()
        self._changed = trio.Event()

    @property
    def api(self) -> OpenClawApi:
        """The typed client.

        Raises:
          Postponed: the account is between two lives, or at its end.
        """
        with self._postponing():
            api: OpenClawApi = self.account.api
            return api

    @property
    def hello(self) -> Hello:
        """What it said of itself when it let us in.

        Raises:
          Postponed: it is away now.
        """
        hello = self.api.hello
        if hello is None:
            raise self._away()
        return hello

    async def wait_ready(self, patience: float) -> None:
        """Return when the gateway can be asked.

        Raises:
          Postponed: it has been away for ``patience`` seconds, or will have nothing of us until a person acts.
        """
        if self.account.state is AccountState.READY:
            await trio.lowlevel.checkpoint()
            return
        since = trio.current_time() if self._away_since is None else self._away_since
        with self._postponing(), trio.move_on_at(since + patience):
            await self.account.wait_ready()
            return
        raise self._away()

    @asynccontextmanager
    async def while_there(self, patience: float) -> AsyncGenerator[None]:
        """The block is left as soon as the gateway has been away for ``patience`` seconds.

        Raises:
          Postponed: that happened, or the gateway will have nothing of us any more.
        """
        with trio.CancelScope() as scope, self._postponing():
            async with open_background("the gateway answered") as beside:
                beside.start_soon(self._leave_when_away, scope, patience, name=f"{self.account.name}/patience")
                yield
        if scope.cancelled_caught:
            raise self._away()

    async def raise_if_it_goes(self, failure: BridgeError) -> None:
        """Return if the gateway stays. One that stops takes nothing more on, and says so a moment before it goes.

        Raises:
          Postponed: it has gone, and that is why it failed.
        """
        with trio.move_on_after(GOING):
            while self._away_since is None:
                await self._changed.wait()
            raise self._postponed(f"the gateway went away: {failure}", AGAIN) from failure

    async def _leave_when_away(self, scope: trio.CancelScope, patience: float) -> None:
        while True:
            since = self._away_since
            with trio.move_on_at(math.inf if since is None else since + patience) as limit:
                await self._changed.wait()
            if limit.cancelled_caught:
                scope.cancel("the gateway is away")
                return

    def _away(self) -> Postponed:
        error = self.account.statistics().last_error
        why = f": {error.message}" if error is not None else ""
        return self._postponed(f"the gateway is away{why}", AGAIN)

    @contextmanager
    def _postponing(self) -> Iterator[None]:
        try:
            yield
        except AccountRefused as error:
            raise self._postponed(str(error), MENDED) from error
        except AccountStopped as error:
            raise self._postponed(str(error), AGAIN) from error

    def _postponed(self, why: str, again_in: float) -> Postponed:
        """A reason to wait. It is logged once, however many messages wait for it."""
        if not self._is_waited_for:
            self._is_waited_for = True
            logger.warning("messages wait for the gateway", extra={**self.account.config.labels, "cause": why})
        now = trio.current_time()
        self._last_look = max(now + again_in, self._last_look + SPACING)
        return Postponed(why, retry_after=self._last_look - now)

    async def watch(self) -> None:
        """Know since when it is away."""
        async with self.account.states() as states:
            async for state in states:
                if state is AccountState.READY:
                    self._away_since, self._is_waited_for, self._last_look = None, False, 0.0
                elif self._away_since is None:
                    self._away_since = trio.current_time()
                self._changed.set()
                self._changed = trio.Event()


@asynccontextmanager
async def open_gateway(config: OpenClaw, environment: Environment) -> AsyncGenerator[Gateway]:
    """The gateway that ``config`` describes, while the block runs. What is described alike is one connection.

    Whoever opened it first must be the last to leave: so do agents that are opened one within the other.

    Raises:
      ConfigError: it is open already, and was described otherwise.
    """
    if (store := environment.store) is None:
        async with _connecting(config, environment, MemoryStore()) as gateway:
            yield gateway
        return
    gateways = _gateways()
    for kept_in, described, gateway in gateways:
        if kept_in is store and described.name == config.name:
            if described != config:  # Both would make the key of one device, and only one of them would be kept.
                raise ConfigError(f"two agents describe the gateway at {config.url} in two ways: let them say the same")
            yield gateway
            return
    async with _connecting(config, environment, store) as gateway:
        opened = (store, config, gateway)
        gateways.append(opened)
        try:
            yield gateway
        finally:
            gateways.remove(opened)


@asynccontextmanager
async def _connecting(config: OpenClaw, environment: Environment, store: Store) -> AsyncGenerator[Gateway]:
    async with (
        serve_bridge([config], None, Apart(store), environment) as bridge,
        open_background("the agent is closed") as nursery,
    ):
        gateway = Gateway(bridge.account(config.name))
        nursery.start_soon(gateway.watch, name=f"{config.name}/watch")
        yield gateway


def _gateways() -> list[tuple[Store, OpenClaw, Gateway]]:
    """Those of this run of Trio."""
    try:
        return _OPEN.get()
    except LookupError:
        gateways: list[tuple[Store, OpenClaw, Gateway]] = []
        _OPEN.set(gateways)
        return gateways

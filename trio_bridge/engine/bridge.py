"""All accounts of a process: one nursery, each account for itself."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType

import trio

from .._version import __version__
from ..errors import ConfigError
from ..nurseries import open_background
from .account import CLEAN_UP, STOP_LIMIT, Account
from .clock import watch_clock
from .dispatch import Handler
from .environment import Environment
from .platform import PlatformConfig
from .states import AccountState
from .statistics import BridgeStatistics
from .store import Store

SHUTDOWN_GRACE = 20.0

logger = logging.getLogger(__name__)


class Bridge:
    """The accounts of a process. What happens to one of them is its own."""

    def __init__(self, handler: Handler | None, store: Store, environment: Environment, nursery: trio.Nursery) -> None:
        self._handler = handler
        self._store = store
        self._environment = environment
        self._nursery = nursery
        self._accounts: dict[str, Account] = {}
        self._adding = trio.Lock()
        self._started_at = environment.wall()
        self.shutdown_grace = SHUTDOWN_GRACE
        """Seconds that handlers get when the bridge is left."""

    @property
    def accounts(self) -> Mapping[str, Account]:
        """The accounts by name."""
        return MappingProxyType(self._accounts)

    def account(self, name: str) -> Account:
        """The account of that name; KeyError if there is none."""
        return self._accounts[name]

    def wall(self) -> float:
        """The clock of all times that are shown or stored: seconds since the epoch."""
        return self._environment.wall()

    def statistics(self) -> BridgeStatistics:
        """All accounts at this moment."""
        return BridgeStatistics(
            version=__version__,
            started_at=self._started_at,
            accounts=tuple(account.statistics() for account in self._accounts.values()),
        )

    async def start(self, name: str) -> None:
        """Run an account, now and after every restart of the process. Idempotent."""
        account = self._accounts[name]
        account.wish_running()
        await self._keep_wish(account)

    async def stop(self, name: str, grace: float = 0.0) -> None:
        """Stop an account, now and after every restart of the process, until it is started. Idempotent.

        Handlers get ``grace`` seconds. A second after that nothing of the account is left.
        """
        account = self._accounts[name]
        account.wish_stopped(grace)
        await self._keep_wish(account)
        await account.wait_stopped(grace + STOP_LIMIT)

    async def restart(self, name: str) -> None:
        """Stop what runs of an account and begin anew. Idempotent."""
        account = self._accounts[name]
        account.wish_running(afresh=True)
        await self._keep_wish(account)

    async def add(self, config: PlatformConfig, *, after: float = 0.0) -> Account:
        """Take an account in. It runs if the configuration enables it and nobody stopped it earlier.

        Its first attempt comes ``after`` seconds: whoever adds many spreads them.

        Raises:
          ConfigError: there is an account of that name already.
          StoreUnavailable: the store could not be asked.
        """
        async with self._adding:  # Of two calls with one name, only the first may find it free.
            if config.name in self._accounts:
                raise ConfigError(f"accounts.{config.name}: there are two accounts of that name")
            wanted = await self.is_wished(config.name, enabled=config.enabled)
            kept = await self._store.open_account(
                config.name, platform=config.platform, owner=config.owner, enabled=config.enabled
            )
            account = Account(
                config, self._handler, kept, self._environment, self._nursery, durable=self._store.durable
            )
            self._accounts[config.name] = account
        if wanted:
            account.wish_running(after=after)
        return account

    async def update(self, config: PlatformConfig) -> Account:
        """Give the account of that name other values: what runs with the old ones is stopped, and begun anew.

        Another ``enabled`` starts or stops it; another ``owner`` alone disturbs nothing. Idempotent. When this returns
        nothing runs with the old values any more.

        Raises:
          ConfigError: it is of another platform: remove the account, and add it anew.
          StoreUnavailable: the values hold, but the store could not keep whose the account is, or whether it runs.
        """
        account = self._accounts[config.name]
        before = account.config
        if config.platform != before.platform:
            raise ConfigError(f"accounts.{config.name}: it is of {before.platform}, and can't become {config.platform}")
        account.configure(config)
        if config.enabled != before.enabled:
            if config.enabled:
                account.wish_running()
            else:
                account.wish_stopped()
        async with account.remembering:  # Of several calls the last one writes the last values.
            now = account.config
            await self._store.open_account(now.name, platform=now.platform, owner=now.owner, enabled=now.enabled)
        if config.enabled != before.enabled:
            await self._keep_wish(account)
        await account.wait_stopped(STOP_LIMIT)
        return account

    async def is_wished(self, name: str, *, enabled: bool) -> bool:
        """Whether an account of that name is to run when it is added, as the store remembers it.

        A start or stop of earlier holds, until somebody edits ``enabled`` in the configuration.
        """
        records = {record.name: record for record in await self._store.accounts()}
        record = records.get(name)
        if record is None or record.enabled != enabled or record.wanted is None:
            return enabled
        return record.wanted == "running"

    async def remove(self, name: str) -> None:
        """Stop an account and take it out. What it kept stays in the store for when it is added again. Idempotent."""
        account = self._accounts.get(name)
        await trio.lowlevel.checkpoint()
        # Somebody may start it meanwhile: nothing that runs may be taken out, for nobody could stop it any more.
        while account is not None and self._accounts.get(name) is account:
            account.leave()
            await account.wait_stopped(STOP_LIMIT)
            if account.state is AccountState.STOPPED:
                del self._accounts[name]

    async def drain(self, grace: float | None = None) -> list[str]:
        """Stop all accounts, handlers finishing within ``grace`` seconds, without changing what is wished of them.

        Returns what was left unfinished, a line each; all of it is in the store.
        """
        grace = self.shutdown_grace if grace is None else grace
        left: list[str] = []

        async def stop(account: Account) -> None:
            interrupted = account.counters.interrupted
            account.leave(grace)
            if not await account.wait_stopped(grace + CLEAN_UP):
                left.append(f"{account.name}: a handler ignores its cancellation")
            if cut_off := account.counters.interrupted - interrupted:
                left.append(f"{account.name}: handlers that were cut off: {cut_off}")

        async with trio.open_nursery() as stopping:
            for account in self._accounts.values():
                stopping.start_soon(stop, account)
        return left

    async def _keep_wish(self, account: Account) -> None:
        """Remember what is wished of an account now. Of several calls the last one writes the last wish."""
        async with account.remembering:
            await self._store.want(account.name, "running" if account.wanted else "stopped")

    def check_life(self) -> None:
        """The clock jumped: find out at once which connections are still alive."""
        logger.warning("the clock jumped: this machine slept, or this process was stopped")
        for account in self._accounts.values():
            account.check_life()


@asynccontextmanager
async def serve_bridge(
    accounts: Iterable[PlatformConfig], handler: Handler | None, store: Store, environment: Environment
) -> AsyncGenerator[Bridge]:
    """Run accounts on an open store while the block runs; drain them at its normal end.

    An exception or a cancellation cancels them instead. What the block raises comes out as it is, not in a group.
    """
    async with open_background("the bridge is left") as nursery:
        bridge = Bridge(handler, store, environment, nursery)
        for config in accounts:
            await bridge.add(config)
        for account in bridge.accounts.values():
            await account.wait_open()
        nursery.start_soon(watch_clock, environment.wall, bridge.check_life, name="bridge/clock")
        yield bridge
        await bridge.drain()

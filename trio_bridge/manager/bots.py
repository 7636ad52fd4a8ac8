"""Bots that are started, stopped, added and changed while they run. Each is an account of a bridge.

1. What was said last holds, and is remembered by the bridge's store: after a restart of the process, too.
2. A bot has one connection at most, however often and by how many people it is connected at the same time.
3. A wish is noted before anything is waited for, so whoever checks something first does both in one step.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from typing import Final
from weakref import WeakValueDictionary

import trio

from ..engine.account import CLEAN_UP, Account
from ..engine.bridge import Bridge
from ..engine.exclusive import is_held_elsewhere
from ..engine.platform import PlatformConfig
from ..engine.states import AccountState
from ..errors import BridgeError, ConfigError
from .errors import BotConflict, BotInvalid, BotUnknown
from .status import BotStatus, BrokenBot

SPREAD_EACH: Final = 0.2
SPREAD_MOST: Final = 30.0
"""Bots that are added together make their first attempts within 0.2 s for each of them, by chance. The bridge's own
limit only keeps a process from more than 25 attempts in a second, and would have all of fewer bots at once."""
STOPPED_WITHIN: Final = 10.0
"""Seconds in which all bots are stopped when their bridge is left."""

logger = logging.getLogger(__name__)


class BotManager:
    """The bots of a bridge: every account in it, whoever added it.

    With it the bridge is left within 10 seconds: handlers get five of them to finish.
    """

    def __init__(self, bridge: Bridge, *, rand: Callable[[], float] = random.random) -> None:
        self._bridge = bridge
        self._rand = rand
        self._broken: dict[str, tuple[BrokenBot, BotStatus]] = {}
        self._turns: WeakValueDictionary[str, trio.Lock] = WeakValueDictionary()
        bridge.shutdown_grace = min(bridge.shutdown_grace, STOPPED_WITHIN - CLEAN_UP)

    # What is said to bots.

    async def connect(self, bot_id: str) -> BotStatus:
        """Have the bot connected, now and after every restart of the process. Returns before it is. Idempotent.

        One that waits for its next attempt makes it at once.

        Raises:
          BotUnknown: there is none of that id.
          BotInvalid: its configuration, or a secret that it names, can't be read.
          BotConflict: ``disabled``, ``wrong_mode``, ``held_elsewhere``.
          StoreUnavailable: it is connected, and will not be after a restart of the process.
        """
        account = self._account(bot_id)
        self._check_mode(account)
        if not account.config.enabled:
            raise BotConflict("disabled", "the bot is disabled")
        for secret in account.config.secrets():
            try:
                secret.read()
            except ConfigError as error:
                raise BotInvalid(str(error)) from error
        self._check_nobody_else_holds(account)
        await self._bridge.start(bot_id)
        return BotStatus.of(account)

    async def disconnect(self, bot_id: str) -> BotStatus:
        """Have the bot disconnected, now and after every restart, until it is connected. Idempotent.

        Returns when nothing is left of its connection. Messages that it took wait in the store.

        Raises:
          BotUnknown: there is none of that id.
          BotInvalid: its configuration can't be read, so it does not run anyway.
          BotConflict: ``wrong_mode``.
          StoreUnavailable: it is disconnected, and will not be after a restart of the process.
        """
        account = self._account(bot_id)
        self._check_mode(account)
        await self._bridge.stop(bot_id)
        return BotStatus.of(account)

    async def wait_settled(self, bot_id: str) -> BotStatus:
        """Return when the bot is connected, or has an error that is not over soon. Set a time limit of your own.

        Raises:
          BotUnknown, BotInvalid: as for :meth:`connect`.
          BotConflict: ``held_elsewhere``, or ``disconnected``, by somebody else, meanwhile.
        """
        account = self._account(bot_id)
        async with account.states() as states:
            async for state in states:
                status = BotStatus.of(account)
                if state is AccountState.STANDBY:
                    self._check_nobody_else_holds(account)
                if state is AccountState.STOPPED:
                    raise BotConflict("disconnected", "somebody disconnected the bot")
                if status.state in ("connected", "error"):
                    return status
        raise AssertionError("an account's states never end")  # pragma: no cover

    # How they are.

    def owner_of(self, bot_id: str) -> str | None:
        """Whose the bot is; ``None`` if there is none of that id."""
        if bot_id in self._broken:
            return self._broken[bot_id][0].owner
        account = self._bridge.accounts.get(bot_id)
        return None if account is None else account.config.owner

    def status(self, bot_id: str) -> BotStatus:
        """How the bot is at this moment.

        Raises:
          BotUnknown: there is none of that id.
        """
        if bot_id in self._broken:
            return self._broken[bot_id][1]
        return BotStatus.of(self._account(bot_id))

    def statuses(self, owner: str | None = None) -> list[BotStatus]:
        """All bots, by their ids, also those that never were connected; of one ``owner``, or of everybody."""
        ids = sorted({*self._bridge.accounts, *self._broken})
        return [self.status(bot_id) for bot_id in ids if owner is None or self.owner_of(bot_id) == owner]

    # Which there are.

    async def reconcile(self, bots: Iterable[PlatformConfig | BrokenBot]) -> None:
        """Have exactly these bots: new ones are added, others than before changed, and the rest removed. Idempotent.

        New ones that are to be connected begin within 0.2 s for each, at most within 30 s, and not all at once. What
        can't be done with one bot is logged, and tried again by the next call; the others don't notice.

        Raises:
          ConfigError: two of them have one name.
        """
        wanted: dict[str, PlatformConfig | BrokenBot] = {}
        for bot in bots:
            if wanted.setdefault(bot.name, bot) is not bot:
                raise ConfigError(f"there are two bots of the name {bot.name}")
        fresh = [name for name in wanted if name not in self._bridge.accounts]
        spread = min(SPREAD_MOST, SPREAD_EACH * len(fresh)) if len(fresh) > 1 else 0.0
        gone = [name for name in (*self._bridge.accounts, *self._broken) if name not in wanted]
        await self._each(self.remove, gone)
        for bot in wanted.values():
            if bot.name not in self._bridge.accounts:
                await self._heed(bot, after=spread * self._rand())
        # What runs is stopped first, which takes its time: all of them at once.
        await self._each(lambda name: self._heed(wanted[name]), [name for name in wanted if name not in fresh])

    async def put(self, bot: PlatformConfig | BrokenBot, *, after: float = 0.0) -> None:
        """Have this bot, as it is described: add it, or stop what runs of it and begin anew. Idempotent.

        A new one that is to be connected makes its first attempt ``after`` seconds.

        Raises:
          StoreUnavailable: the store could not be asked, or could not keep it.
        """
        async with self._turn(bot.name):
            if isinstance(bot, BrokenBot):
                await self._put_broken(bot)
            else:
                await self._put_sound(bot, after)

    async def remove(self, bot_id: str) -> None:
        """Stop the bot and forget that it is there. What its account keeps stays in the store. Idempotent."""
        async with self._turn(bot_id):
            self._broken.pop(bot_id, None)
            await self._bridge.remove(bot_id)

    # Inside.

    async def _put_sound(self, bot: PlatformConfig, after: float) -> None:
        present = self._bridge.accounts.get(bot.name)
        if present is not None and present.config.platform != bot.platform:
            await self._bridge.remove(bot.name)
            present = None
        account = await (self._bridge.add(bot, after=after) if present is None else self._bridge.update(bot))
        self._broken.pop(bot.name, None)
        if bot.enabled and not bot.connects and not account.wanted:
            # It was disconnected while it had a connection. Now nobody could connect it any more.
            await self._bridge.start(bot.name)

    async def _put_broken(self, bot: BrokenBot) -> None:
        if self._broken.get(bot.name, (None,))[0] == bot:
            return
        wished = await self._bridge.is_wished(bot.name, enabled=bot.enabled)
        await self._bridge.remove(bot.name)
        self._broken[bot.name] = bot, bot.status(wished=wished, since=self._bridge.wall())

    async def _heed(self, bot: PlatformConfig | BrokenBot, *, after: float = 0.0) -> None:
        try:
            await self.put(bot, after=after)
        except BridgeError as error:
            logger.error("a bot can't be had as it is described", extra={"account": bot.name, "cause": str(error)})

    async def _each(self, do: Callable[[str], Awaitable[None]], names: Iterable[str]) -> None:
        async with trio.open_nursery() as nursery:
            for name in names:
                nursery.start_soon(do, name)

    def _turn(self, bot_id: str) -> trio.Lock:
        """Held by whoever adds, changes or removes the bot."""
        return self._turns.setdefault(bot_id, trio.Lock())

    def _account(self, bot_id: str) -> Account:
        if bot_id in self._broken:
            raise BotInvalid(self._broken[bot_id][0].shown)
        account = self._bridge.accounts.get(bot_id)
        if account is None:
            raise BotUnknown
        return account

    def _check_mode(self, account: Account) -> None:
        if not account.config.connects:
            raise BotConflict("wrong_mode", "the bot is called by its platform: it has no connection")

    def _check_nobody_else_holds(self, account: Account) -> None:
        if is_held_elsewhere(account.config.exclusive_key()):
            raise BotConflict("held_elsewhere", "another process of this machine is connected with these credentials")

"""An account as the application sees it, and the task that does what was wished of it."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio

from ..backoff import Backoff
from ..errors import AccountRefused, AccountStopped, BridgeError, ConfigError
from ..messages import Receipt, Reply
from .bell import Bell
from .dispatch import Handler
from .environment import Environment
from .groups import most_telling
from .life import Life
from .pictures import connection_of, error_of, figures_of
from .platform import PlatformConfig, Services
from .policy import Begin
from .states import AccountState, Alarm, Trouble
from .statistics import AccountStatistics, ConnectionStatistics, Counters
from .store import AccountStore
from .tenure import Tenure
from .turns import wait_turn

RESTARTS = Backoff(first=1.0, factor=2.0, cap=60.0, floor=0.25)
"""After the engine itself failed under an account. The other accounts don't notice."""
STOP_LIMIT = 1.0
"""After its grace an account is given so long to let go of everything."""
CLEAN_UP = 5.0
"""At the end of a bridge, handlers that were cut off are given so long to clean up."""

logger = logging.getLogger(__name__)


class Account:
    """One set of credentials on one platform.

    What it is told (start, stop, restart) is a wish: the last one holds, whatever came before and is still under way.
    """

    def __init__(
        self,
        config: PlatformConfig,
        handler: Handler | None,
        store: AccountStore,
        environment: Environment,
        nursery: trio.Nursery,
        *,
        durable: bool,
    ) -> None:
        self.config = config
        self._handler = handler
        self._store = store
        self._environment = environment
        self._nursery = nursery
        self._durable = durable
        self._wished = False
        self._wanted = False
        """It is to run at this moment: as it is wished, unless its bridge is left."""
        self._first_after = 0.0
        """Seconds before the very first attempt."""
        self._kept = False
        """A task sees to it that the account runs."""
        self._bell = Bell()
        self._changes = trio.lowlevel.ParkingLot()
        self._tenure: Tenure | None = None
        self._abandoned: set[Tenure] = set()
        self._life: Life | None = None
        self._refusal: AccountRefused | None = None
        self._trouble: Trouble | None = None
        self.remembering = trio.Lock()
        """Held by whoever writes down what is wished of it, or whose it is."""
        self._state = AccountState.STOPPED
        self._since = environment.wall()
        self._number = 0
        self.counters = Counters()

    # The public face

    @property
    def name(self) -> str:
        """The account's name in its bridge."""
        return self.config.name

    @property
    def state(self) -> AccountState:
        """Where the account is now."""
        return self._state

    @property
    def wanted(self) -> bool:
        """Whether it is to run, as was said last; its bridge's end changes nothing about that."""
        return self._wished

    @property
    def alarms(self) -> frozenset[Alarm]:
        """What an operator should look at."""
        alarms = set() if self._life is None else self._life.alarms
        if self._abandoned:
            alarms.add(Alarm.WORKER_STUCK)
        return frozenset(alarms)

    @property
    def generation(self) -> int:
        """The number of the newest connection, 0 before the first."""
        return self._number

    @property
    def api(self) -> Any:
        """The platform's typed client.

        Raises:
          AccountStopped: the account is not running.
        """
        if self._life is None:
            raise AccountStopped(f"account {self.name} is not running")
        return self._life.platform.api

    async def wait_ready(self) -> None:
        """Return as soon as the account is ready.

        Raises:
          AccountRefused: the platform refuses the account; it is in quarantine.
          AccountStopped: the account is stopped or parked.
        """
        await trio.lowlevel.checkpoint()
        while self._state is not AccountState.READY:
            if self._state is AccountState.QUARANTINED:
                raise self._refusal_now()
            if self._state in (AccountState.STOPPED, AccountState.PARKED):
                raise AccountStopped(f"account {self.name} is {self._state}")
            await self._changes.park()

    async def send(self, conversation_id: str, reply: str | Reply, *, key: str | None = None) -> Receipt:
        """Say something in a conversation. Returns when it is durable; it is sent soon, in order.

        ``key`` makes it idempotent: a second call with the same key sends nothing and returns the first one's receipt.

        Raises:
          AccountStopped: the account is not running.
          RequestFailed: the platform knows no such form of address.
          StoreUnavailable: it could not be kept.
        """
        await self.wait_open()
        if self._life is None:
            raise AccountStopped(f"account {self.name} is not running")
        outbox = self._life.outbox
        reply = Reply(reply) if isinstance(reply, str) else reply
        target = self._life.platform.target_for(conversation_id)
        key = self._environment.new_id() if key is None else key
        return await outbox.put(outbox.compose(key, conversation_id, target, reply))

    @asynccontextmanager
    async def states(self) -> AsyncIterator[AsyncIterator[AccountState]]:
        """``async with account.states() as states: async for state in states``: the present state, then each change.

        A slow reader is told the newest state only.
        """

        async def changes() -> AsyncIterator[AccountState]:
            told: AccountState | None = None
            while True:
                while self._state is told:
                    await self._changes.park()
                told = self._state
                yield told

        states = changes()
        try:
            yield states
        finally:
            await states.aclose()  # type: ignore[attr-defined]

    def statistics(self) -> AccountStatistics:
        """The account at this moment."""
        wall = self._environment.wall()
        return AccountStatistics(
            name=self.name,
            platform=self.config.platform,
            owner=self.config.owner,
            state=self._state,
            alarms=self.alarms,
            since=self._since,
            generation=self._number,
            last_error=error_of(self._trouble, wall=wall),
            **figures_of(self._life, wall=wall),
            counters=attrs.evolve(self.counters),
        )

    def connection(self) -> ConnectionStatistics:
        """The connection of the account at this moment, or its attempts at one."""
        connecting = self._state is AccountState.CONNECTING
        return connection_of(self._life, connecting=connecting, wall=self._environment.wall())

    # Wishes. They are plain calls, so that their order is the order of the calls.

    def wish_running(self, *, afresh: bool = False, after: float = 0.0) -> None:
        """Run from now on. An account that waits tries at once; ``afresh`` ends what runs.

        One that does not run yet makes its first attempt ``after`` seconds.
        """
        self._wished = self._wanted = True
        if not self._kept:
            self._kept = True
            self._first_after = after
            self._move(AccountState.CONNECTING)
            self._nursery.start_soon(self._keep, name=f"{self.config.platform}:{self.name}/keeper")
        elif self._tenure is None:
            self._move(AccountState.CONNECTING)
            self._bell.ring()
        elif afresh:
            self._tenure.end(0.0)
        elif self._life is not None:
            self._life.supervisor.nudge()

    def configure(self, config: PlatformConfig) -> None:
        """Have other values. What runs with the old ones is ended, and begun anew if the account is to run.

        Whose it is, and whether it starts with its bridge, is nothing that runs.
        """
        before, self.config = self.config, config
        if attrs.evolve(before, owner=config.owner, enabled=config.enabled) == config:
            return
        if self._tenure is not None:
            self._tenure.end(0.0)
        self._bell.ring()

    def wish_stopped(self, grace: float = 0.0) -> None:
        """Stop: handlers get ``grace`` seconds to finish."""
        self._wished = False
        self.leave(grace)

    def leave(self, grace: float = 0.0) -> None:
        """The same, because whoever runs the account goes: what is wished of it stays."""
        self._wanted = False
        if self._tenure is not None:
            self._tenure.end(grace)
        self._bell.ring()

    async def wait_stopped(self, limit: float) -> bool:
        """Return when nothing is left of the life that was told to stop, or when ``limit`` seconds have passed.

        False if a handler ignores its cancellation (alarm ``worker_stuck``): it is left behind, and what it commits
        late will be refused.
        """
        await trio.lowlevel.checkpoint()
        if (tenure := self._tenure) is None:
            while self._kept and not self._wanted:
                await self._changes.park()
            return True
        if not tenure.ending.is_set():
            return True  # Somebody started the account again meanwhile.
        with trio.move_on_after(limit):
            await tenure.done.wait()
            return True
        if self._tenure is tenure and self._life is not None:
            with trio.move_on_after(STOP_LIMIT):
                await self._life.take_back()
        if self._tenure is tenure and not tenure.done.is_set():
            logger.error("a handler ignores its cancellation", extra=self.config.labels)
            self._abandoned.add(tenure)
            self._life = None
            self._over(tenure)
        return False

    def check_life(self) -> None:
        """The clock jumped: probe what is connected."""
        if self._life is not None:
            self._life.supervisor.check_life()

    async def wait_open(self) -> None:
        """Return when the account is up, connected or not; or when it is clear that it won't be for now."""
        await trio.lowlevel.checkpoint()
        while self._life is None and self._state is AccountState.CONNECTING:
            await self._changes.park()

    # The tasks

    async def _keep(self) -> None:
        """Live for as long as that is wanted, again and again if need be."""
        failures = 0
        while self._wanted:
            begun_at = trio.current_time()
            tenure = self._tenure = Tenure()
            self._move(AccountState.CONNECTING)
            self._nursery.start_soon(self._live, tenure, name=f"{self.config.platform}:{self.name}")
            await tenure.done.wait()
            if tenure.failed and self._wanted:
                if trio.current_time() - begun_at > RESTARTS.cap:
                    failures = 0
                await self._pause(failures)
                failures += 1
        self._kept = False
        self._move(AccountState.STOPPED)

    async def _live(self, tenure: Tenure) -> None:
        """One life. A wall: what fails in here is this account's trouble, and no other account's."""
        life: Life | None = None
        config = self.config  # it may be given another one meanwhile, for its next life
        fields = config.labels
        first, self._first_after = Begin(self._first_after, "connecting"), 0.0
        logger.info("started", extra=fields)
        try:
            with tenure.scope:
                services = Services.of(config, self._environment, self._store)
                async with config.open_platform(services) as platform:
                    life = self._life = Life(
                        config,
                        platform,
                        self._handler,
                        self._store,
                        self._environment,
                        self.counters,
                        self._new_number,
                        self._follow,
                        durable=self._durable,
                        first=first,
                    )
                    self._changes.unpark_all()
                    await life.run(tenure.ending)
        except* (AccountRefused, ConfigError) as refusals:
            self._refused(refusals)
            tenure.failed = True
        except* Exception as errors:
            logger.exception("the account failed and will be restarted", exc_info=errors, extra=fields)
            error = most_telling(errors)
            self._trouble = Trouble(BridgeError(f"{type(error).__name__}: {error}"), trio.current_time())
            tenure.failed = True
        finally:
            logger.info("stopped", extra=fields)
            self._abandoned.discard(tenure)
            if self._life is life:
                self._life = None
            self._over(tenure)

    def _over(self, tenure: Tenure) -> None:
        if self._tenure is tenure:
            self._tenure = None
            self._move(AccountState.CONNECTING if self._wanted else AccountState.STOPPED)
        tenure.done.set()

    def _refused(self, refusals: BaseExceptionGroup[Exception]) -> None:
        error = most_telling(refusals)
        refusal = error if isinstance(error, AccountRefused) else AccountRefused(str(error), kind="misconfigured")
        self._refusal, self._trouble = refusal, Trouble(refusal, trio.current_time())
        logger.error("refused", extra={**self.config.labels, "cause": str(error)})

    async def _pause(self, failures: int) -> None:
        """Wait after a life that failed: for other credentials, a wish, or the next try."""
        refused = self._trouble is not None and self._trouble.error is self._refusal
        self._move(AccountState.QUARANTINED if refused else AccountState.WAITING)
        delay = self._probe_after() if refused else RESTARTS.delay(failures, self._environment.rand)
        until = trio.current_time() + delay
        await wait_turn(self._bell, until, watched=self.config if refused else None)

    def _refusal_now(self) -> AccountRefused:
        refusal = self._refusal
        if refusal is None:
            raise AssertionError("quarantine has a reason")  # pragma: no cover
        return refusal.anew()

    def _probe_after(self) -> float:
        probe = None if self._refusal is None else self._refusal.probe
        return self.config.refused_probe if probe is None else probe

    def _follow(self) -> None:
        """Something changed within the life: show it."""
        if (life := self._life) is None:
            return
        if life.supervisor.refusal is not None:
            self._refusal = life.supervisor.refusal
        if life.supervisor.trouble is not None:
            self._trouble = life.supervisor.trouble
        self._move(AccountState.DRAINING if life.draining else AccountState(life.supervisor.phase))

    def _move(self, state: AccountState) -> None:
        if state is not self._state:
            self._state = state
            self._since = self._environment.wall()
        self._changes.unpark_all()

    def _new_number(self) -> int:
        self._number += 1
        return self._number

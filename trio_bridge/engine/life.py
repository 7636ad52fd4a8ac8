"""One life of an account: from start to stop. All that lives above generations is made here, and ends here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from typing import Any

import attrs
import trio

from ..errors import BridgeError
from ..wire.protocol import Delivery
from .answers import Answers
from .dispatch import Dispatcher, Handler
from .door import AccountDoor
from .environment import Environment
from .exclusive import hold_exclusively
from .excuses import Excuses
from .generation import Workshop
from .inbox import Inbox
from .minutes import Minutes
from .outbox import Outbox
from .platform import Platform, PlatformConfig
from .policy import Begin, RestartPolicy
from .states import Alarm, News
from .statistics import Counters
from .store import AccountStore
from .supervisor import Supervisor

HOUSEKEEPING = 5.0
MINUTE = 60.0
"""Between two lines about what was counted, and two times that the store is tidied."""

logger = logging.getLogger(__name__)


class Life:
    """The nursery of an account, while it runs."""

    def __init__(
        self,
        config: PlatformConfig,
        platform: Platform,
        handler: Handler | None,
        store: AccountStore,
        environment: Environment,
        counters: Counters,
        new_number: Callable[[], int],
        on_change: Callable[[], None],
        *,
        durable: bool,
        first: Begin,
    ) -> None:
        self.platform = platform
        self.draining = False
        self._config = config
        self._store = store
        self._environment = environment
        self._on_change = on_change
        self._counters = counters
        self.inbox = Inbox(
            config,
            store,
            environment,
            counters,
            durable=durable,
            on_queued=platform.arrived,
            on_dropped=self._excuse,
        )
        self.outbox = Outbox(config, store, platform, environment, counters)
        self.dispatcher = Dispatcher(config, platform, handler, self.inbox, self.outbox, store, environment, counters)
        self.answers = Answers(config, self._process, counters)
        self._excuses = Excuses(platform, self.dispatcher.context, config.labels)
        self.policy = RestartPolicy(config, environment.rand, lambda: platform.wishes)
        self._locks = ExitStack()
        self._credentials_held = False
        # Unbounded: a few items for each generation and one for each call at the door, and its reader never waits
        # between two of them.
        self._tell, self._news = trio.open_memory_channel[News](float("inf"))
        self._door_opened = trio.Event()
        self._door = AccountDoor(self.inbox, self.answers.answer, counters)
        workshop = Workshop(
            config=config,
            platform=platform,
            inbox=self.inbox,
            dispatcher=self.dispatcher,
            counters=counters,
            tell=self._tell.send_nowait,
            on_phase=on_change,
            answer=self.answers.answer,
            new_number=new_number,
            hold_credentials=self._hold_credentials,
        )
        self.supervisor = Supervisor(workshop, self.policy, on_change, first)

    async def run(self, ending: trio.Event) -> None:
        """Live until ``ending`` is set, then finish what is in hand. The caller cancels what takes too long."""
        self._warn_of_tuning()
        await self.inbox.open()
        await self.outbox.open()
        with self._locks:
            async with trio.open_nursery() as nursery:
                for role, run in (
                    ("inbox", self.inbox.run),
                    ("suspects", self.inbox.suspects.run),
                    ("outbox", self.outbox.run),
                    ("excuses", self._excuses.run),
                    ("answers", self.answers.run),
                    ("housekeeping", self._keep_house),
                    ("supervisor", self._supervise),
                ):
                    nursery.start_soon(run, name=f"{self._config.platform}:{self._config.name}/{role}")
                async with self.platform.open_door(self._door) or nullcontext():
                    self._door_opened.set()
                    await ending.wait()
                await self._drain()
                nursery.cancel_scope.cancel("stopped")

    async def take_back(self) -> None:
        """Return to their lanes what workers hold that ignore their cancellation: it costs no attempt, and no death."""
        for work in self.dispatcher.working:
            if not work.held.revoked:
                self.inbox.revoke(work.held)
        await self.inbox.wait_idle()

    @property
    def alarms(self) -> set[Alarm]:
        """What an operator should look at."""
        alarms = set(self.policy.alarms)
        if self.inbox.storage_error is not None or self.outbox.storage_error is not None:
            alarms.add(Alarm.STORAGE)
        if self.dispatcher.interrupted_often:
            alarms.add(Alarm.INTERRUPTED)
        if self.inbox.lost_workers:
            alarms.add(Alarm.WORKER_STUCK)
        if self.dead_letters:
            alarms.add(Alarm.DEAD_LETTERS)
        return alarms

    @property
    def dead_letters(self) -> int:
        """Deliveries and replies that were given up and wait for an operator."""
        return self.inbox.buried + self.dispatcher.given_up + self.outbox.given_up

    def _warn_of_tuning(self) -> None:
        config = self._config
        fields = config.labels
        asked_for = attrs.fields(type(config)).handler_timeout.default != config.handler_timeout
        if asked_for and config.handler_timeout > config.drain_grace:
            logger.warning(
                "handler_timeout is longer than drain_grace: a handler that needs it all starts again after each lost "
                "connection",
                extra=fields,
            )
        if config.overflow == "shed" and not self.platform.redelivers_unacked:
            logger.warning("overflow is shed, and the platform may not send again what was shed", extra=fields)

    def _excuse(self, delivery: Delivery) -> None:
        self._excuses.ask_for(delivery)

    async def _supervise(self) -> None:
        try:
            await self._door_opened.wait()  # Nothing connects for an account that could not be called as it is to be.
            await self.supervisor.run(self._news)
        finally:
            self.inbox.close()

    async def _drain(self) -> None:
        self.draining = True
        self.supervisor.frozen = True
        self.inbox.stop_handing_out()
        self._on_change()
        await self.inbox.wait_idle()
        await self.outbox.wait_idle()

    async def _keep_house(self) -> None:
        minute_at, minutes = trio.current_time(), Minutes(self._counters, self._config.labels)
        while True:
            await trio.sleep(HOUSEKEEPING)
            now = trio.current_time()
            self.dispatcher.revoke_stuck(now)
            if now - minute_at >= MINUTE:
                minute_at = now
                minutes.tell()
                await self._trim()

    async def _trim(self) -> None:
        try:
            await self._store.trim(before=self._environment.wall() - self._config.dedupe_ttl)
        except BridgeError as error:
            logger.warning("could not trim the store", extra={**self._config.labels, "cause": str(error)})

    async def _process(self, delivery: Delivery) -> Any:
        """What a handler answers to a delivery that is not stored: there is nothing to complete."""
        return await self.dispatcher.process(delivery, self.dispatcher.context(delivery))

    def _hold_credentials(self) -> None:
        """Keep other processes of this machine from using the same credentials, from the first attempt on."""
        if not self._credentials_held:
            self._locks.enter_context(hold_exclusively(self._config.exclusive_key()))
            self._credentials_held = True

"""A simulated DingTalk in memory, and accounts of ours on it, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import attrs
import trio

from trio_bridge.engine.account import Account
from trio_bridge.engine.bridge import Bridge
from trio_bridge.engine.dispatch import Handler
from trio_bridge.engine.environment import Environment
from trio_bridge.engine.executors import inline
from trio_bridge.engine.store import Done, Store, Work
from trio_bridge.messages import Message
from trio_bridge.opening import open_account, open_bridge
from trio_bridge.platforms.dingtalk.config import DingTalk
from trio_bridge.platforms.dingtalk.gateway.ledger import FaultKind
from trio_bridge.stores.memory import MemoryAccount, MemoryStore
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.transport.memory import MemoryNetwork

EPOCH = 1_790_000_000.0
LONGEST = 300_000.0
"""A loop that is never ready would spin virtual time for good: this turns it into a failure."""


def wall() -> float:
    return EPOCH + trio.current_time()


@attrs.define
class Listener:
    """A handler that answers what it hears, and remembers it."""

    heard: list[str] = attrs.Factory(list)
    takes: float = 0.0

    async def __call__(self, message: Message) -> str:
        self.heard.append(message.text)
        await trio.sleep(self.takes)
        return f"you said {message.text}"


class SlowAccount(MemoryAccount):
    """Every round takes its time."""

    takes: float

    async def work(self, work: Work) -> Done:
        await trio.sleep(self.takes)
        return await super().work(work)


class SlowStore(MemoryStore):
    """Like a disk that is busy: what is stored is stored ``takes`` seconds later."""

    def __init__(self, *, takes: float) -> None:
        super().__init__()
        self.takes = takes

    async def open_account(self, name: str, **kwargs: Any) -> SlowAccount:
        account = await super().open_account(name, **kwargs)
        account.__class__ = SlowAccount
        assert isinstance(account, SlowAccount)
        account.takes = self.takes
        return account


@attrs.frozen(eq=False)
class Stage:
    """A simulator, and what an account needs to be played on it."""

    network: MemoryNetwork
    dingtalk: DingTalkSimulator
    environment: Environment

    def account(
        self, handler: Handler | None = None, *, store: str | Store = "memory:", **tuning: Any
    ) -> AbstractAsyncContextManager[Account]:
        """An account at the simulator. ``tuning`` changes its configuration."""
        return open_account(self.dingtalk.config(**tuning), handler, store=store, environment=self.environment)

    def bridge(
        self, configs: Iterable[DingTalk], handler: Handler | None = None, *, store: str | Store = "memory:"
    ) -> AbstractAsyncContextManager[Bridge]:
        """Several accounts."""
        return open_bridge(configs, handler, store=store, environment=self.environment)

    @property
    def opened_at(self) -> Sequence[float]:
        """When connections were opened, the first one included."""
        return [connection.opened_at for connection in self.dingtalk.opened]

    @property
    def called_at(self) -> Sequence[float]:
        """When the open call was made."""
        return [call.at for call in self.dingtalk.open_calls]


@asynccontextmanager
async def simulated(
    *, rand: Callable[[], float] = lambda: 0.5, faults: Collection[FaultKind] = (), **options: Any
) -> AsyncIterator[Stage]:
    """A stage for one test. Chance always draws the middle; a client that breaks a rule fails the test in the end."""
    network = MemoryNetwork()
    with trio.fail_after(LONGEST):
        async with DingTalkSimulator(network=network, seed=7, wall=wall, **options) as dingtalk:
            yield Stage(network, dingtalk, Environment(network=network, rand=rand, wall=wall, disk=inline))
    assert {fault.kind for fault in dingtalk.ledger.faults} <= set(faults), dingtalk.ledger.faults


def tasks_of(account: str) -> list[str]:
    """The names of the tasks that serve an account."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    ours = (f"dingtalk:{account}", f"feishu:{account}", f"{account}/")
    found, tasks = list[str](), [root]
    while tasks:
        task = tasks.pop()
        found += [task.name] if task.name.startswith(ours) else []
        tasks += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    return sorted(found)

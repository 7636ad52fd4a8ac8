"""How an application opens a bridge: accounts and a store by its URL."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

from .agents.protocol import OpenableAgent, open_agent
from .engine.account import Account
from .engine.bridge import Bridge, serve_bridge
from .engine.dispatch import Handler
from .engine.environment import Environment
from .engine.files import beside, open_files
from .engine.platform import PlatformConfig
from .engine.store import Store
from .messages import PathLike
from .stores.opening import open_store


@asynccontextmanager
async def open_bridge(
    accounts: Iterable[PlatformConfig],
    handler: Handler | OpenableAgent | None,
    *,
    store: str | Store = "memory:",
    files: PathLike | None = None,
    environment: Environment | None = None,
) -> AsyncGenerator[Bridge]:
    """Run accounts while the block runs: ``async with open_bridge(accounts, handler, store="sqlite:b.db") as bridge``.

    Leaving the block normally drains: handlers get ``bridge.shutdown_grace`` (20 s) to finish. Leaving it by an
    exception or a cancellation cancels. ``handler`` is an async function of a message, an async generator, or an agent;
    an :class:`~trio_bridge.agents.OpenableAgent` is open while the block runs. Received files land in the folder
    ``files``: by default one beside the store's file (``b-files``), and with ``memory:`` a temporary one that goes with
    the bridge.

    Raises:
      StoreUnavailable: the store can't be opened.
      ConfigError: two accounts have one name, the store's URL is not understood, or the agent can't be opened.
    """
    environment = environment or Environment()
    async with (
        open_store(store) as opened,
        open_files(_files_of(opened) if files is None else Path(files), environment.disk) as received,
    ):
        environment = attrs.evolve(environment, files=received, store=opened)
        async with (
            open_agent(handler, environment) as answering,
            serve_bridge(accounts, answering, opened, environment) as bridge,
        ):
            yield bridge


@asynccontextmanager
async def open_account(
    config: PlatformConfig,
    handler: Handler | OpenableAgent | None = None,
    *,
    store: str | Store = "memory:",
    files: PathLike | None = None,
    environment: Environment | None = None,
) -> AsyncGenerator[Account]:
    """Run one account while the block runs: like :func:`open_bridge`, for one."""
    async with open_bridge([config], handler, store=store, files=files, environment=environment) as bridge:
        yield bridge.account(config.name)


async def run_bridge(
    accounts: Iterable[PlatformConfig],
    handler: Handler | OpenableAgent | None,
    *,
    store: str | Store = "memory:",
    files: PathLike | None = None,
    environment: Environment | None = None,
    task_status: trio.TaskStatus[Bridge] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run accounts until cancelled: ``bridge = await nursery.start(run_bridge, accounts, handler)``."""
    async with open_bridge(accounts, handler, store=store, files=files, environment=environment) as bridge:
        task_status.started(bridge)
        await trio.sleep_forever()


def _files_of(store: Store) -> Path | None:
    return None if store.path is None else beside(store.path)

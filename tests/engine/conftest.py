from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest
import trio

from tests.engine.fake import Fake, FakeServer
from trio_bridge.engine.account import Account
from trio_bridge.engine.dispatch import Handler
from trio_bridge.engine.environment import Environment
from trio_bridge.engine.store import Store
from trio_bridge.opening import open_account

OpenFake = Callable[..., AbstractAsyncContextManager[Account]]


def virtual_environment(rand: Callable[[], float] = lambda: 0.5, **changes: Any) -> Environment:
    """Chance that always draws the middle, and a wall clock that goes with Trio's."""
    changes.setdefault("wall", lambda: 1_790_000_000.0 + trio.current_time())
    return Environment(rand=rand, **changes)


@pytest.fixture
async def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
async def virtual_cap() -> AsyncIterator[None]:
    """A loop that is never ready would spin virtual time for good: this turns it into a failure.

    To be named among a test's arguments: pytest-trio never runs an async fixture that only ``usefixtures`` names.
    """
    with trio.fail_after(300_000):
        yield


@pytest.fixture
def open_fake(server: FakeServer, virtual_cap: None) -> OpenFake:
    """Open an account of the fake platform in virtual time."""

    def open_it(
        handler: Handler | None,
        *,
        store: str | Store = "memory:",
        environment: Environment | None = None,
        **config: Any,
    ) -> AbstractAsyncContextManager[Account]:
        return open_account(
            Fake(server=server, **config), handler, store=store, environment=environment or virtual_environment()
        )

    return open_it

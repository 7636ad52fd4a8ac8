"""What handlers, platforms and callers may do wrong. None of it loses a message, hangs, or runs hot."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import OpenFake, virtual_environment
from tests.engine.fake import Fake, FakePlatform, FakeProtocol, FakeServer
from tests.engine.test_promises import GatedStore
from trio_bridge.engine.dispatch import Dispatcher
from trio_bridge.engine.lanes import Lanes
from trio_bridge.engine.platform import Outgoing
from trio_bridge.errors import ConfigError
from trio_bridge.messages import Message
from trio_bridge.opening import open_bridge
from trio_bridge.stores.memory import MemoryStore


def bug(*_: Any) -> Any:
    raise KeyError("bug")


# Callers


def test_a_hundred_thousand_lanes_that_wait_cost_no_more_than_their_number() -> None:
    """Holding one back used to look through all that were ready: an account could not recover in hours."""
    lanes: Lanes[int] = Lanes()
    for number in range(100_000):
        lanes.add(f"lane{number}", number)
        lanes.hold_back(f"lane{number}", 1.0)
    assert lanes.lanes_ready == 0
    lanes.advance(1.0)
    assert lanes.lanes_ready == 100_000

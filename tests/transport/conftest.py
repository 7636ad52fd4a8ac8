from __future__ import annotations

from typing import get_args

import pytest

from trio_bridge.config import Transport
from trio_bridge.transport.memory import MemoryNetwork


@pytest.fixture(params=get_args(Transport))
def transport(request: pytest.FixtureRequest) -> Transport:
    """Each of the libraries that speak WebSocket."""
    return request.param


@pytest.fixture
def network() -> MemoryNetwork:
    return MemoryNetwork()

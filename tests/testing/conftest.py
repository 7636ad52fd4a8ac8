"""Fixtures of these tests."""

import pytest

from tests.testing.world import simulated
from trio_bridge.testing.openclaw import OpenClawSimulator
from trio_bridge.transport.memory import MemoryNetwork


@pytest.fixture
async def world():
    async with simulated() as world:
        yield world


@pytest.fixture
def network():
    return MemoryNetwork()


@pytest.fixture(params=[3, 4])
async def gateway(request, network):
    """A gateway that tells nothing of its own accord."""
    async with OpenClawSimulator(network=network, protocol=request.param, seed=1) as gateway:
        gateway.settings.tells_health = False
        yield gateway

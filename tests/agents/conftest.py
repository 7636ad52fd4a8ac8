"""What agents ask, in memory; and what their programs are watched by."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from tests.agents.fifo import Fifo
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.testing.openai import OpenAISimulator
from trio_bridge.testing.openclaw import OpenClawSimulator
from trio_bridge.transport.memory import MemoryNetwork


@pytest.fixture
async def fifo(tmp_path: Path) -> AsyncIterator[Fifo]:
    """It lies beside the programs, as ``fifo``."""
    fifo = Fifo(tmp_path / "fifo")
    yield fifo
    fifo.close()


@pytest.fixture
def network() -> MemoryNetwork:
    return MemoryNetwork()


@pytest.fixture
async def model(network: MemoryNetwork) -> AsyncIterator[OpenAISimulator]:
    """A language model that wants the token "hush"."""
    with trio.fail_after(300_000):
        async with OpenAISimulator(network=network, token="hush") as simulator:
            yield simulator


def wall() -> float:
    return 1_790_000_000.0 + trio.current_time()


@pytest.fixture
async def dingtalk(network: MemoryNetwork) -> AsyncIterator[DingTalkSimulator]:
    with trio.fail_after(100_000):
        async with DingTalkSimulator(network=network, wall=wall, seed=1, patience=2000) as simulator:
            yield simulator


@pytest.fixture(params=[4, 3], ids=["protocol 4", "protocol 3"])
async def gateway(network: MemoryNetwork, request: pytest.FixtureRequest) -> AsyncIterator[OpenClawSimulator]:
    """One of each kind, one after the other."""
    async with OpenClawSimulator(network=network, wall=wall, seed=2, protocol=request.param) as simulator:
        yield simulator


@pytest.fixture
async def gateway4(network: MemoryNetwork) -> AsyncIterator[OpenClawSimulator]:
    """Where it makes no difference."""
    async with OpenClawSimulator(network=network, wall=wall, seed=2) as simulator:
        yield simulator

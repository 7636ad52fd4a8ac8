"""What agents ask, in memory; and what their programs are watched by."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from tests.agents.fifo import Fifo
from trio_bridge.testing.openai import OpenAISimulator
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

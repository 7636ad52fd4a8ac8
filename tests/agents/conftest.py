from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.agents.fifo import Fifo


@pytest.fixture
async def fifo(tmp_path: Path) -> AsyncIterator[Fifo]:
    """It lies beside the programs, as ``fifo``."""
    fifo = Fifo(tmp_path / "fifo")
    yield fifo
    fifo.close()

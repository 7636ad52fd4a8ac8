from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.crash.forks import Forks, open_forks


@pytest.fixture(scope="session")
def all_forks() -> Iterator[Forks]:
    feishu = ("tests.crash.test_feishu", "trio_bridge.platforms.feishu.platform", "hypercorn.trio")
    with open_forks("tests.crash.bridge", "tests.crash.steps", *feishu) as forks:
        yield forks


@pytest.fixture
async def forks(all_forks: Forks) -> AsyncIterator[Forks]:
    """What starts and ends the processes of a test. None of them is left when it is over."""
    yield all_forks
    await all_forks.clear()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, if this machine has one: a killed process takes nothing from the page cache, so the disk
    under the file makes no difference but for the time."""
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK):
        with TemporaryDirectory(dir=memory) as name:
            yield Path(name)
    else:
        yield tmp_path

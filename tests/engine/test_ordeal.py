"""Whatever comes in whatever order: nothing is lost, handled twice, out of order or by too many at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.engine.ordeal import Ordeal
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.stores.sqlite import inline, open_sqlite


@pytest.mark.parametrize("seed", range(20))
async def test_an_ordeal_leaves_everything_handled_and_no_trace(autojump_clock: MockClock, seed: int) -> None:
    kept = await MemoryStore().open_account("a", platform="fake")
    with trio.fail_after(300_000):
        await Ordeal(kept, seed).undergo(steps=60)


async def test_an_ordeal_over_a_file(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with open_sqlite(tmp_path / "bridge.db", executor=inline) as store:
        kept = await store.open_account("a", platform="fake")
        with trio.fail_after(300_000):
            await Ordeal(kept, 18).undergo(steps=40)

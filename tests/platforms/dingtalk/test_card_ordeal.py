"""Whatever comes in whatever order: no card looks busy for ever, and every answer is shown once, and whole."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from tests.platforms.dingtalk.card_ordeal import CardOrdeal


@pytest.mark.parametrize("seed", range(2))
async def test_an_ordeal_leaves_no_busy_card_and_no_trace(autojump_clock: MockClock, seed: int) -> None:
    await CardOrdeal(seed).undergo(steps=30)

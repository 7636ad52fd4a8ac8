"""Whatever comes in whatever order: no card looks busy for ever, and every answer is shown once, and whole."""

from __future__ import annotations

import pytest
from trio.testing import MockClock

from tests.platforms.dingtalk.card_ordeal import DingTalkOrdeal
from tests.platforms.dingtalk.stage import simulated
from trio_bridge.platforms.dingtalk.gateway.model import Rules


@pytest.mark.parametrize("seed", range(2))
async def test_an_ordeal_leaves_no_busy_card_and_no_trace(autojump_clock: MockClock, seed: int) -> None:
    ordeal = DingTalkOrdeal(seed)
    rules = Rules(keep_offline=True, redeliver_after=60, card_content_limit=ordeal.chance.choice((None, 300)))
    async with simulated(rules=rules, patience=100_000, rand=ordeal.chance.random) as ordeal.stage:
        await ordeal.undergo(steps=30)

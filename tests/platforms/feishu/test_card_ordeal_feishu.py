"""Whatever comes in whatever order: no card looks busy for ever, and every answer is shown once, and whole."""

from __future__ import annotations

from trio.testing import MockClock

from tests.platforms.feishu.card_ordeal import FeishuOrdeal
from tests.platforms.feishu.card_stage import staged


async def test_an_ordeal_leaves_no_busy_card_and_no_trace(autojump_clock: MockClock) -> None:
    ordeal = FeishuOrdeal(1)
    async with staged(streaming_life=ordeal.chance.choice((5.0, 600.0))) as ordeal.stage:
        await ordeal.undergo(steps=30)

"""An account on Feishu whose answers grow in cards, under whatever chance brings."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.bots.card_ordeal import CardOrdeal
from tests.platforms.feishu.card_stage import Stage
from trio_bridge.engine.account import Account
from trio_bridge.gateways.calls import Answer, Script
from trio_bridge.platforms.feishu.gateway.card import Card
from trio_bridge.platforms.feishu.gateway.cards import CREATE, REPLACE, SETTINGS, STREAM
from trio_bridge.platforms.feishu.gateway.messages import REPLY, SEND
from trio_bridge.platforms.feishu.gateway.rest import chat_throttled, refused, throttled

ROUTES = (CREATE, SEND, REPLY, STREAM, STREAM, SETTINGS, REPLACE)
QUOTA = refused(99991403)


class FeishuOrdeal(CardOrdeal):
    """At a simulator."""

    stage: Stage

    def account(self, **tuning: Any) -> AbstractAsyncContextManager[Account]:
        return self.stage.account(self.handle, store=self.store, **tuning)

    async def say(self, text: str, lane: int) -> None:
        await self.stage.feishu.say(text, sender=f"ou_{lane}", conversation="oc_team" if lane == 2 else None)

    def go_wrong(self) -> None:
        chance = self.chance
        fault = chance.choice(
            (
                throttled(chance.choice((1, 7))), throttled(2, status=400), chat_throttled(), QUOTA,
                Answer(status=500), Answer(status=503), refused(200810), refused(300309),
                Script(answer=Answer(ending="swallow"), carried_out=True),
                Script(answer=Answer(ending="swallow"), carried_out=True),
                Script(answer=Answer(ending="swallow")),
                Script(answer=Answer(ending="hang"), carried_out=chance.random() < 0.5),
            )
        )  # fmt: skip
        self.stage.rest.scripts.add(chance.choice(ROUTES), fault, times=chance.choice((1, 2, 7)))

    def drop(self) -> None:
        self.stage.feishu.drop_connections("rst")

    def forgive(self) -> None:
        self.stage.calm()

    @property
    def shown(self) -> Sequence[Card]:
        return self.stage.cards

    @property
    def said(self) -> Sequence[str]:
        return self.stage.messages

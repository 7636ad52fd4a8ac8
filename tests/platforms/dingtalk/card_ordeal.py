"""An account on DingTalk whose answers grow in cards, under whatever chance brings."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from tests.bots.card_ordeal import CardOrdeal
from tests.platforms.dingtalk.stage import Stage
from trio_bridge.engine.account import Account
from trio_bridge.gateways.calls import Answer, Script, Scripts
from trio_bridge.platforms.dingtalk.gateway.card import Card
from trio_bridge.platforms.dingtalk.gateway.cards import DELIVER, INSTANCES, STREAMING
from trio_bridge.platforms.dingtalk.gateway.rest import DIRECT, WEBHOOK

QPS = Answer(status=403, body='{"code":"Forbidden.AccessDenied.QpsLimitForAppkeyAndApi","message":"busy"}')
QUOTA = Answer(status=403, body='{"code":"Forbidden.AccessDenied.ApiCountLimitForOrg","message":"used up"}')
LATE = b'{"success":true,"result":true,"errcode":0,"processQueryKey":"x"}'


class DingTalkOrdeal(CardOrdeal):
    """At a simulator."""

    last_words = (*CardOrdeal.last_words, "trio_bridge.platforms.dingtalk.thinking.LAST_LIMIT")

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.stage: Stage
        busy = {"busy_ack": self.chance.random() < 0.7, "busy_texts": ["wait"]}
        self.tuning = {**self.tuning, **busy, "card_qps": self.chance.choice((2.0, 15.0))}

    def account(self, **tuning: Any) -> AbstractAsyncContextManager[Account]:
        return self.stage.account(self.handle, store=self.store, **tuning)

    async def say(self, text: str, lane: int) -> None:
        await self.stage.dingtalk.say(text, sender=f"staff{lane}", conversation=f"cid{lane}" if lane == 2 else None)

    def go_wrong(self) -> None:
        chance, scripts = self.chance, self.stage.dingtalk.rest.scripts
        path = chance.choice((INSTANCES, DELIVER, STREAMING, STREAMING, WEBHOOK, DIRECT, f"PUT {INSTANCES}"))
        late = Script(answer=Answer(body=[LATE[:5], LATE[5:]], pace=chance.choice((1, 8))), carried_out=True)
        fault = chance.choice(
            (
                QPS, QPS, QUOTA, Answer(status=500), Answer(status=503), Answer(status=504), late, late,
                Script(answer=Answer(ending="swallow"), carried_out=True),
                Script(answer=Answer(ending="swallow")),
                Script(answer=Answer(ending="hang"), carried_out=chance.random() < 0.5),
            )
        )  # fmt: skip
        scripts.add(path, fault, times=chance.choice((1, 2, 7)))

    def drop(self) -> None:
        if self.stage.dingtalk.connections:
            self.stage.dingtalk.connections[-1].drop("rst")

    def forgive(self) -> None:
        self.stage.dingtalk.rest.scripts = Scripts()

    @property
    def shown(self) -> Sequence[Card]:
        return [card for card in self.stage.dingtalk.cards if card.shown]

    @property
    def said(self) -> Sequence[str]:
        return [sent.text for sent in self.stage.dingtalk.sent if sent.via != "card"]

    def check(self, account: Account) -> None:
        assert account._life is not None
        thinking: Any = account._life.platform._thinking  # type: ignore[attr-defined]
        assert (thinking._new, thinking._marked) == ({}, {})

"""Answers that grow in cards, and accounts that die meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from tests.platforms.dingtalk.stage import Stage
from trio_bridge.engine.account import Account
from trio_bridge.messages import Message
from trio_bridge.platforms.dingtalk.gateway.card import Card
from trio_bridge.stores.memory import MemoryStore


def the_card(stage: Stage) -> Card:
    (card,) = stage.dingtalk.rest.cards.known.values()
    return card


async def grown(stage: Stage, text: str) -> None:
    """Return when a card shows ``text``, and its writer may have heard so."""
    cards = stage.dingtalk.rest.cards.known
    await stage.dingtalk.wait_until(lambda: any(card.text == text for card in cards.values()))
    await trio.sleep(0.1)


async def counts(message: Message) -> None:
    """Says one to five, a second apart."""
    async with message.stream() as out:
        for number in range(1, 6):
            await out.write(f"{number} ")
            await trio.sleep(1)


@asynccontextmanager
async def killed(stage: Stage, handler: Any, store: MemoryStore, **tuning: Any) -> AsyncIterator[Account]:
    """An account that is cancelled at the end of the block, with whatever it has in hand."""
    with trio.CancelScope() as life:
        async with stage.account(handler, store=store, **tuning) as account:
            await account.wait_ready()
            yield account
            life.cancel()
            await trio.sleep_forever()

"""Answers that grow in cards, and accounts that die meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import trio

from tests.platforms.dingtalk.stage import Stage
from trio_bridge.engine.account import Account
from trio_bridge.gateways.calls import Answer
from trio_bridge.messages import Message
from trio_bridge.platforms.dingtalk.gateway.card import Card
from trio_bridge.platforms.dingtalk.gateway.cards import INSTANCES, STREAMING
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


@contextmanager
def cards_end_like(stage: Stage, answer: Answer) -> Iterator[None]:
    """Within the block every call about cards is answered like this."""
    scripts = stage.dingtalk.rest.scripts
    with scripts.standing(STREAMING, answer), scripts.standing(INSTANCES, answer):
        yield


@asynccontextmanager
async def killed(stage: Stage, handler: Any, store: MemoryStore, **tuning: Any) -> AsyncIterator[Account]:
    """An account that is cancelled at the end of the block, with whatever it has in hand."""
    with trio.CancelScope() as life:
        async with stage.account(handler, store=store, **tuning) as account:
            await account.wait_ready()
            yield account
            life.cancel()
            await trio.sleep_forever()

"""A Feishu in memory whose cards are watched, and accounts of ours that answer in them, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import attrs
import pytest
import trio

from trio_bridge.engine.account import Account
from trio_bridge.engine.store import Store
from trio_bridge.messages import Message
from trio_bridge.platforms.feishu.gateway.card import Card
from trio_bridge.platforms.feishu.gateway.model import Rules
from trio_bridge.platforms.feishu.gateway.rest import RestGateway
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.testing.feishu import FeishuSimulator
from trio_bridge.transport.memory import MemoryNetwork

APP_ID = "cli_a1b2c3d4e5f60718"
EPOCH = 1_790_000_000.0
LONGEST = 100_000.0


def wall() -> float:
    return EPOCH + trio.current_time()


async def counts(message: Message) -> None:
    """Says one to five, a second apart."""
    async with message.stream() as out:
        for number in range(1, 6):
            await out.write(f"{number} ")
            await trio.sleep(1)


@attrs.frozen(eq=False)
class Stage:
    """A simulator, and what people see there."""

    feishu: FeishuSimulator

    def account(
        self, handler: Any, *, store: str | Store = "memory:", **tuning: Any
    ) -> AbstractAsyncContextManager[Account]:
        """An account that is connected. ``tuning`` changes its configuration."""
        return self.feishu.open_account(handler, store=store, **{"app_id": APP_ID, **tuning})

    @asynccontextmanager
    async def killed(self, handler: Any, store: MemoryStore, **tuning: Any) -> AsyncIterator[Account]:
        """An account that is cancelled at the end of the block, with whatever it has in hand."""
        with trio.CancelScope() as life:
            async with self.account(handler, store=store, **tuning) as account:
                yield account
                life.cancel()
                await trio.sleep_forever()

    @asynccontextmanager
    async def died(self, handler: Any, store: MemoryStore) -> AsyncIterator[Account]:
        """The same without a last word."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("trio_bridge.bots.cards.deck.PAUSE_LIMIT", 0)
            async with self.killed(handler, store) as account:
                yield account

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something is so at Feishu."""
        await self.feishu.wait_until(lambda: bool(condition()))

    async def grown(self, text: str) -> None:
        """Return when a card shows ``text``, and its writer may have heard so."""
        await self.until(lambda: any(card.text == text for card in self.cards))
        await trio.sleep(0.1)

    async def answered(self, count: int = 1) -> None:
        """Wait until so many answers rest, and nothing else comes."""
        await self.until(lambda: len(self.rest.sent) >= count)
        await trio.sleep(5)

    async def alarmed(self, account: Account) -> None:
        """Wait until something is wrong with the account."""
        while not account.alarms:
            await trio.sleep(1)

    def pressed(self) -> str:
        """Somebody pressed the card, and was answered. Returns the token of the press."""
        token = self.rest.updates.issue(APP_ID, self.card.message_id, trio.current_time())
        self.rest.updates.presses[token].answered = True
        return token

    def calm(self) -> None:
        """Every call ends as usual again."""
        self.rest.scripts = type(self.rest.scripts)()

    @property
    def rest(self) -> RestGateway:
        return self.feishu.rest

    @property
    def cards(self) -> list[Card]:
        """The cards that people see."""
        return list(self.rest.cards.shown)

    @property
    def card(self) -> Card:
        """The only one."""
        [card] = self.cards
        return card

    @property
    def messages(self) -> list[str]:
        """What was said without a card."""
        return [sent.text for sent in self.rest.sent if not sent.card]


@asynccontextmanager
async def staged(**rules: Any) -> AsyncIterator[Stage]:
    """A stage for one test. A client that breaks a rule fails the test in the end."""
    with trio.fail_after(LONGEST):
        async with FeishuSimulator(network=MemoryNetwork(), rules=Rules(**rules), seed=7, wall=wall) as feishu:
            feishu.patience = LONGEST
            yield Stage(feishu)
    assert feishu.ledger.faults == []

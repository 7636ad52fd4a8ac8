"""Feishu's cards when the store is away: without it nothing is shown that nobody would end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import trio
from trio.testing import MockClock

from tests.platforms.feishu.card_stage import counts, staged
from trio_bridge.errors import StoreUnavailable
from trio_bridge.platforms.feishu.cards.face import SCOPE
from trio_bridge.platforms.feishu.gateway.cards import CREATE, SETTINGS
from trio_bridge.platforms.feishu.gateway.messages import SEND
from trio_bridge.stores.memory import MemoryAccount, MemoryStore


class ForgetfulAccount(MemoryAccount):
    """Keeps what it is told about cards, but for one time."""

    fails_at: int
    told: int

    async def save(self, scope: str, changes: Mapping[str, Any]) -> None:
        if scope == SCOPE:
            self.told += 1
            if self.told == self.fails_at:
                raise StoreUnavailable("disk full")
        await super().save(scope, changes)


class ForgetfulStore(MemoryStore):
    def __init__(self, fails_at: int = 0) -> None:
        super().__init__()
        self.fails_at = fails_at

    async def open_account(self, name: str, **kwargs: Any) -> ForgetfulAccount:
        account = await super().open_account(name, **kwargs)
        account.__class__ = ForgetfulAccount
        assert isinstance(account, ForgetfulAccount)
        account.told, account.fails_at = 0, self.fails_at
        return account


async def test_without_a_store_no_card_is_made(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(counts, store=ForgetfulStore(1)):
        await stage.feishu.say("count")
        await stage.answered()
        assert stage.messages == ["1 2 3 4 5 "]
        assert stage.rest.calls[CREATE] == 0


async def test_a_card_whose_id_can_t_be_kept_is_shown_to_nobody(autojump_clock: MockClock) -> None:
    """The next life could not end it."""
    async with staged() as stage, stage.account(counts, store=ForgetfulStore(2)):
        await stage.feishu.say("count")
        await stage.answered()
        assert stage.messages == ["1 2 3 4 5 "]
        assert (stage.rest.calls[CREATE], stage.rest.calls[SEND], stage.cards) == (1, 1, [])


async def test_a_card_that_is_shown_needs_no_store_to_come_to_its_end(autojump_clock: MockClock) -> None:
    async with staged() as stage, stage.account(counts, store=ForgetfulStore(3)):
        await stage.feishu.say("count")
        await stage.answered()
        assert stage.card.text == "1 2 3 4 5 "
        assert stage.card.ended


async def test_a_life_that_can_t_keep_its_number_goes_on_all_the_same(autojump_clock: MockClock) -> None:
    """The next one begins with the same numbers, is told so by Feishu, and mends them."""
    store = ForgetfulStore()
    async with staged() as stage:
        async with stage.died(counts, store):
            await stage.feishu.say("count")
            await stage.grown("1 2 ")
        store.fails_at = 1
        async with stage.died(counts, store):
            await stage.grown("1 2 3 4 ")
            stage.rest.scripts.hang(SETTINGS, times=99)
            await trio.sleep(5)
        stage.calm()
        store.fails_at = 0
        async with stage.account(counts, store=store):
            await stage.answered()
        assert stage.card.text == "1 2 3 4 5 "
        assert stage.card.ended
        assert stage.messages == []

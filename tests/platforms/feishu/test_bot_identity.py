"""Who the bot is, asked for now and then, and remembered."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio

from tests.platforms.feishu.house import APP, House, open_account, open_house, refused
from trio_bridge.engine.store import AccountStore
from trio_bridge.errors import StoreUnavailable
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.feishu.bot import SCOPE, BotIdentity
from trio_bridge.stores.memory import MemoryStore

INFO = "GET /open-apis/bot/v3/info"
OURS = {"app_id": APP, "open_id": "ou_bot", "name": "Helper"}


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as subject:
        yield subject


@pytest.fixture
async def store() -> AccountStore:
    return await MemoryStore().open_account("hr", platform="feishu")


@asynccontextmanager
async def running(house: House, store: AccountStore) -> AsyncIterator[BotIdentity]:
    async with open_account(house) as account, trio.open_nursery() as nursery:
        bot = BotIdentity(account.config, account.rest, store, lambda: 1.0)
        await bot.load()
        nursery.start_soon(bot.run)
        yield bot
        nursery.cancel_scope.cancel()


def asked(house: House) -> int:
    return house.routes.count(INFO)


async def test_the_bot_is_known_soon_and_asked_for_daily(
    autojump_clock: trio.abc.Clock, house: House, store: AccountStore
) -> None:
    app = house.gateway.directory.apps[APP]
    async with running(house, store) as bot:
        assert bot.open_id == ""
        await trio.sleep(1)
        assert (bot.open_id, bot.name) == (app.bot_open_id, app.name)
        assert await store.load(SCOPE) == {"app_id": APP, "open_id": app.bot_open_id, "name": app.name}
        house.gateway.directory.apps[APP] = attrs.evolve(app, bot_open_id="ou_new")
        await trio.sleep(86_390)
        assert (bot.open_id, asked(house)) == (app.bot_open_id, 1)
        await trio.sleep(20)
        assert (bot.open_id, asked(house)) == ("ou_new", 2)


async def test_the_bot_is_remembered_while_feishu_is_away(
    autojump_clock: trio.abc.Clock, house: House, store: AccountStore, caplog: pytest.LogCaptureFixture
) -> None:
    await store.save(SCOPE, OURS)
    with house.rest.scripts.standing(INFO, Answer(status=503, body="away")):
        async with running(house, store) as bot:
            await trio.sleep(100)
            assert (bot.open_id, bot.name) == ("ou_bot", "Helper")
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


@pytest.mark.parametrize(
    "stored", [{**OURS, "app_id": "cli_other"}, {"open_id": "ou_bot"}, {**OURS, "open_id": 7}, {**OURS, "name": None}]
)
async def test_the_bot_of_another_app_is_nobody(
    autojump_clock: trio.abc.Clock, house: House, store: AccountStore, stored: dict[str, object]
) -> None:
    await store.save(SCOPE, stored)
    async with open_account(house) as account:
        bot = BotIdentity(account.config, account.rest, store)
        await bot.load()
    assert bot.open_id == ""


@pytest.mark.parametrize(
    "answer",
    [
        refused(11205, "app do not have bot"),
        refused(10014, "unknown app"),
        Answer(ending="swallow"),
        Answer(body=json.dumps({"code": 0, "bot": {"app_name": "no id"}})),
        Answer(body=json.dumps({"code": 0, "bot": 7})),
        Answer(body="page", status=404),
    ],
)
async def test_a_failure_is_tried_again_with_delays(
    autojump_clock: trio.abc.Clock,
    house: House,
    store: AccountStore,
    answer: Answer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    house.rest.scripts.add(INFO, answer, times=3)
    async with running(house, store) as bot:
        await trio.sleep(2 + 4 + 7)
        assert (bot.open_id, asked(house)) == ("", 3)
        await trio.sleep(2)
        assert (bot.open_id != "", asked(house)) == (True, 4)
    assert [record.getMessage() for record in caplog.records] == ["the bot's own id was not told"] * 3


async def test_delays_end_at_five_minutes_and_heed_what_feishu_asks(
    autojump_clock: trio.abc.Clock, house: House, store: AccountStore
) -> None:
    with house.rest.scripts.standing(INFO, Answer(status=503, body="away")):
        async with running(house, store):
            await trio.sleep(3600)
            before = asked(house)
            await trio.sleep(3000)
            assert asked(house) == before + 10
    house.heard.clear()
    house.rest.scripts.add(INFO, refused(99991400, x_ogw_ratelimit_reset="400"))
    async with running(house, store) as bot:
        await trio.sleep(390)
        assert (bot.open_id, asked(house)) == ("", 1)
        await trio.sleep(20)
        assert bot.open_id


async def test_a_store_that_is_full_keeps_nobody_from_knowing(
    autojump_clock: trio.abc.Clock, house: House, store: AccountStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(scope: str, changes: object) -> None:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(store, "save", full)
    async with running(house, store) as bot:
        await trio.sleep(1000)
        assert bot.open_id
        assert asked(house) == 1

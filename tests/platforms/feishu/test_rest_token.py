"""One token for everybody who needs it, and not one call too many for it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from tests.platforms.feishu.house import APP, SECRET, TOKEN, Account, House, config, open_account, open_house, refused
from trio_bridge.config import Secret
from trio_bridge.errors import AccountRefused, NotSent, RateLimited
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.feishu.rest.codes import BOT
from trio_bridge.platforms.feishu.rest.tokens import TenantToken
from trio_bridge.transport.http import open_http_client
from trio_bridge.transport.memory import MemoryNetwork

ASKED = f"POST {TOKEN}"


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as subject:
        yield subject


@pytest.fixture
async def account(house: House) -> AsyncIterator[Account]:
    async with open_account(house) as subject:
        yield subject


async def ask(account: Account) -> str:
    return (await account.rest.call("GET", BOT)).category


async def test_one_token_serves_many_calls_until_half_an_hour_before_its_end(
    autojump_clock: trio.abc.Clock, house: House, account: Account
) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(ask, account)
    await trio.sleep(5400)
    assert await ask(account) == "ok"
    assert house.routes.count(ASKED) == 1
    await trio.sleep(11)
    assert await ask(account) == "ok"
    assert house.routes.count(ASKED) == 2
    assert len(house.rest.tokens.granted) == 2


@pytest.mark.parametrize(("life", "seconds"), [(3600, 1810), (1700, 850), (None, 300)])
async def test_a_short_or_unsaid_life_is_used_with_care(
    autojump_clock: trio.abc.Clock, house: House, account: Account, life: Any, seconds: float
) -> None:
    body = json.dumps({"code": 0, "tenant_access_token": "t-short", "expire": life})
    house.rest.scripts.add(f"POST {TOKEN}", Answer(body=body), times=2)
    async with open_http_client(network=house.network) as http:
        token = TenantToken(config(house), http)
        await token.get()
        await trio.sleep(seconds - 1)
        await token.get()
        assert house.routes.count(ASKED) == 1
        await trio.sleep(2)
        await token.get()
    assert house.routes.count(ASKED) == 2


@pytest.mark.parametrize("garbled", ["t-\r\nx: y", "t-片", "t-\ud800", " "], ids=ascii)
async def test_a_token_that_can_not_be_sent_is_none(
    autojump_clock: trio.abc.Clock, house: House, account: Account, garbled: str
) -> None:
    body = json.dumps({"code": 0, "tenant_access_token": garbled, "expire": 7200})
    house.rest.scripts.add(f"POST {TOKEN}", Answer(body=body))
    with pytest.raises(NotSent, match="an access token that is none"):
        await ask(account)
    assert await ask(account) == "ok"


@pytest.mark.parametrize("code", [99991663, 99991664, 99991665, 99991668])
async def test_a_bad_token_is_replaced_and_the_call_made_once_more(
    autojump_clock: trio.abc.Clock, house: House, account: Account, code: int
) -> None:
    assert await ask(account) == "ok"
    await trio.sleep(31)
    house.rest.scripts.add("GET /open-apis/bot/v3/info", refused(code))
    house.heard.clear()
    assert await ask(account) == "ok"
    assert house.routes == ["GET /open-apis/bot/v3/info", ASKED, "GET /open-apis/bot/v3/info"]


async def test_a_call_is_made_once_more_and_not_twice(
    autojump_clock: trio.abc.Clock, house: House, account: Account
) -> None:
    with house.rest.scripts.standing("GET /open-apis/bot/v3/info", refused(99991663)):
        assert await ask(account) == "token"
        assert len(house.heard) == 4
        for _ in range(3):
            with pytest.raises(NotSent) as raised:
                await ask(account)
        assert raised.value.retry_after == 30
        assert len(house.heard) == 5  # the first of the three came upon the second token
    await trio.sleep(30)
    assert await ask(account) == "ok"


async def test_many_calls_with_a_bad_token_fetch_one(
    autojump_clock: trio.abc.Clock, house: House, account: Account
) -> None:
    await ask(account)
    house.rest.tokens.revoke()
    house.heard.clear()
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(ask, account)
    assert house.routes.count(ASKED) == 1
    assert await ask(account) == "ok"


async def test_a_token_that_took_the_place_of_a_bad_one_is_like_any_other(
    autojump_clock: trio.abc.Clock, house: House, account: Account
) -> None:
    token = account.rest.token
    bad = await token.get()
    house.rest.scripts.add(f"POST {TOKEN}", Answer(body='{"code":0,"tenant_access_token":"t-short","expire":20}'))
    token.refuse(bad)
    assert await token.get() == "t-short"
    await trio.sleep(11)
    assert await token.get() == bad


async def test_a_late_refusal_does_not_cost_the_next_token(
    autojump_clock: trio.abc.Clock, house: House, account: Account
) -> None:
    token = account.rest.token
    old = await token.get()
    house.rest.tokens.revoke()
    token.refuse(old)
    new = await token.get()
    token.refuse(old)
    assert await token.get() == new != old


async def test_an_old_token_serves_on_while_there_is_no_other(
    autojump_clock: trio.abc.Clock, house: House, account: Account
) -> None:
    await ask(account)
    await trio.sleep(5500)
    with house.rest.scripts.standing(f"POST {TOKEN}", Answer(status=503, body="busy")):
        for _ in range(3):
            assert await ask(account) == "ok"
        assert house.routes.count(ASKED) == 2
        await trio.sleep(31)
        assert await ask(account) == "ok"
        assert house.routes.count(ASKED) == 3
        await trio.sleep(1620)
        before = house.routes.count("GET /open-apis/bot/v3/info")
        with pytest.raises(RateLimited):  # it has 49 s to live
            await ask(account)
        assert house.routes.count("GET /open-apis/bot/v3/info") == before


@pytest.mark.parametrize("code", [10003, 10014, 10015])
async def test_refused_credentials_refuse_the_account(
    autojump_clock: trio.abc.Clock, house: House, account: Account, code: int
) -> None:
    house.rest.scripts.add(f"POST {TOKEN}", refused(code, f"wrong {SECRET}", status=200))
    with pytest.raises(AccountRefused) as raised:
        await ask(account)
    assert (raised.value.kind, raised.value.code) == ("auth", str(code))
    assert SECRET not in str(raised.value)


async def test_the_secret_of_now_is_asked_with(
    autojump_clock: trio.abc.Clock, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEISHU_TEST_SECRET", "old")
    async with open_account(house, app_secret=Secret(env="FEISHU_TEST_SECRET")) as account:
        with pytest.raises(AccountRefused):
            await ask(account)
        monkeypatch.setenv("FEISHU_TEST_SECRET", SECRET)
        assert await ask(account) == "ok"


@pytest.mark.parametrize("answer", [Answer(ending="swallow"), refused(4, "busy"), Answer(status=404, body="page")])
async def test_without_a_token_nothing_is_sent(
    autojump_clock: trio.abc.Clock, house: House, account: Account, answer: Answer
) -> None:
    house.rest.scripts.add(f"POST {TOKEN}", answer)
    with pytest.raises((NotSent, RateLimited)):
        await ask(account)
    assert house.routes == [ASKED]


async def test_a_token_may_be_long_and_shows_nowhere(
    autojump_clock: trio.abc.Clock, house: House, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    long = "t-" + "canary" * 700
    body = json.dumps({"code": 0, "tenant_access_token": long, "expire": 7200})
    house.rest.scripts.add(f"POST {TOKEN}", Answer(body=body))
    house.rest.scripts.add("GET /open-apis/bot/v3/info", refused(99991672, f"{long} lacks [bot:info]"))
    outcome = await account.rest.call("GET", BOT)
    assert house.heard[-1].headers["authorization"] == f"Bearer {long}"
    assert "canary" not in repr(account.rest.token) + repr(outcome) + outcome.message + caplog.text
    assert account.rest.standing.missing_scopes == ("bot:info",)


async def test_trap_28_two_feishus_with_one_app_id_have_tokens_of_their_own(autojump_clock: trio.abc.Clock) -> None:
    network = MemoryNetwork()
    async with open_house(network, 8080) as here, open_house(network, 8081) as there:
        there.gateway.directory.add_app(APP, "another-secret")
        async with (
            open_account(here) as one,
            open_account(there, name="other", app_secret="another-secret") as other,
        ):
            assert [await ask(one), await ask(other), await ask(one)] == ["ok"] * 3
        tokens = [{request.headers.get("authorization") for request in house.heard[1:]} for house in (here, there)]
    assert [len(house.rest.tokens.granted) for house in (here, there)] == [1, 1]
    assert tokens[0].isdisjoint(tokens[1])

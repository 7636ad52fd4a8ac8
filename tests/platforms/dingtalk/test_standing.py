"""What one answer says for all calls of an account: a banned address, and calls that are used up."""

from __future__ import annotations

import logging

import pytest
import trio

from tests.platforms.dingtalk.cloud import BASE, CLIENT_ID, SECRET, Cloud, Desk, config
from trio_bridge.errors import NotSent, RateLimited, RequestFailed
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.dingtalk.codes import OLD_TOKEN, SEND_TO_PEOPLE, TOKEN, WEBHOOK
from trio_bridge.platforms.dingtalk.rest import Rest
from trio_bridge.platforms.dingtalk.standing import Standing
from trio_bridge.platforms.dingtalk.tokens import AccessToken, OldAccessToken
from trio_bridge.transport.http import open_http_client

BAN = Answer(status=403, body='<html>{"punish": "deny"}</html>', content_type="text/html")
QUOTA = Answer(status=403, body='{"code":"Forbidden.AccessDenied.ApiCountLimitForOrg","message":"used up"}')
OLD_QUOTA = Answer(body='{"errcode":90020,"errmsg":"used up"}')


def scripted(desk: Desk, path: str, *answers: Answer) -> None:
    desk.cloud.rest.scripts.add(path, *answers)


@pytest.mark.parametrize("path", [SEND_TO_PEOPLE, TOKEN, WEBHOOK])
async def test_a_banned_address_is_silent_for_five_minutes(
    autojump_clock: trio.abc.Clock, desk: Desk, path: str
) -> None:
    scripted(desk, path, BAN)
    by_api, by_webhook = desk.cloud.say(sessionWebhook=None), desk.cloud.say()
    with pytest.raises(RateLimited):
        await desk.answer(by_webhook if path == WEBHOOK else by_api, "the one too many")
    calls = dict(desk.cloud.rest.calls)
    await trio.sleep(100)
    for data in (by_api, by_webhook):
        with pytest.raises(NotSent) as caught:
            await desk.answer(data, "patience")
        assert caught.value.retry_after == 200
    assert desk.cloud.rest.calls == calls
    await trio.sleep(200)
    await desk.answer(by_api, "again")
    await desk.answer(by_webhook, "and again")


async def test_whoever_waits_for_a_token_hears_of_the_ban(autojump_clock: trio.abc.Clock, cloud: Cloud) -> None:
    account, standing = config(), Standing()
    async with open_http_client(network=cloud.network) as http:
        token = AccessToken(account, http, standing)
        rest = Rest(account, http, token, OldAccessToken(account, http, standing), standing)
        cloud.rest.scripts.add(TOKEN, BAN)
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(refused, rest)
    assert cloud.rest.calls == {TOKEN: 1}


async def refused(rest: Rest) -> None:
    with pytest.raises((NotSent, RateLimited)):
        await rest.call("GET", "/v1.0/anything")


async def test_the_ban_of_the_older_api_is_everybodys(autojump_clock: trio.abc.Clock, cloud: Cloud) -> None:
    account, standing = config(oapi_endpoint=BASE), Standing()
    async with open_http_client(network=cloud.network) as http:
        rest = Rest(account, http, AccessToken(account, http), OldAccessToken(account, http, standing), standing)
        cloud.rest.scripts.add(OLD_TOKEN, BAN)
        with pytest.raises(RateLimited):
            await rest.call_old("GET", "/user/get")
        with pytest.raises(NotSent):
            await rest.call("GET", "/v1.0/anything")
    assert cloud.rest.calls == {OLD_TOKEN: 1}


async def test_calls_that_are_used_up_are_noted_and_complained_of_once_an_hour(
    autojump_clock: trio.abc.Clock, cloud: Cloud, caplog: pytest.LogCaptureFixture
) -> None:
    account, standing = config(), Standing(config().labels)
    async with open_http_client(network=cloud.network) as http:
        rest = Rest(account, http, AccessToken(account, http), OldAccessToken(account, http), standing)
        assert standing.quota_gone_at is None
        cloud.rest.scripts.add("/v1.0/anything", QUOTA, QUOTA, QUOTA)
        cloud.rest.scripts.add("/anything", OLD_QUOTA)
        for wait in (5, 3000, 600):
            await trio.sleep(wait)
            assert (await rest.call("GET", "/v1.0/anything")).category == "quota"
            assert standing.quota_gone_at == trio.current_time()
        assert (await rest.call_old("GET", "/anything")).category == "quota"
    complaints = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [vars(record)["code"] for record in complaints] == ["Forbidden.AccessDenied.ApiCountLimitForOrg"] * 2
    assert [vars(record)["account"] for record in complaints] == ["sales"] * 2


async def test_a_reply_is_refused_for_good_when_the_calls_are_used_up(
    autojump_clock: trio.abc.Clock, desk: Desk
) -> None:
    scripted(desk, SEND_TO_PEOPLE, QUOTA)
    with pytest.raises(RequestFailed) as caught:
        await desk.answer(desk.cloud.say(sessionWebhook=None), "one too many")
    assert caught.value.code == "Forbidden.AccessDenied.ApiCountLimitForOrg"
    assert CLIENT_ID not in str(caught.value)
    assert SECRET not in str(caught.value)

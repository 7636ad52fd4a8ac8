"""Calls of Feishu's API as they go over the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from tests.platforms.feishu.house import GROUP, MESSAGES, Account, House, open_account, open_house, refused
from trio_bridge.errors import ConnectionLost, NotSent, OutcomeUnknown, RateLimited, RequestFailed
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.feishu.rest import codes
from trio_bridge.platforms.feishu.rest.rest import answer_of

RESOURCE = "/im/v1/messages/:message_id/resources/:file_key"
RESOURCE_OF_SERVER = "/open-apis/im/v1/messages/{message_id}/resources/{key}"


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as subject:
        yield subject


@pytest.fixture
async def account(house: House) -> AsyncIterator[Account]:
    async with open_account(house) as subject:
        yield subject


async def test_ids_are_ids_whatever_is_in_them(autojump_clock: trio.abc.Clock, house: House, account: Account) -> None:
    outcome = await account.rest.call("GET", "/im/v1/messages/:message_id", ids=["../../bot/v3/info?x=1#y \ud800"])
    assert house.heard[-1].target == "/open-apis/im/v1/messages/..%2F..%2Fbot%2Fv3%2Finfo%3Fx%3D1%23y%20%EF%BF%BD"
    assert outcome.route == "/im/v1/messages/:message_id"


@pytest.mark.parametrize("id_", ["", ".", ".."])
async def test_an_id_makes_no_other_path(autojump_clock: trio.abc.Clock, account: Account, id_: str) -> None:
    with pytest.raises(RequestFailed, match="is no id"):
        await account.rest.call("GET", "/im/v1/messages/:message_id", ids=[id_])


async def test_a_path_has_as_many_ids_as_gaps(autojump_clock: trio.abc.Clock, account: Account) -> None:
    with pytest.raises(ValueError, match="as many ids"):
        await account.rest.call("GET", "/im/v1/messages/:message_id")
    with pytest.raises(ValueError, match="as many ids"):
        await account.rest.call("GET", "/bot/v3/info", ids=["x"])


async def test_what_utf_8_can_t_say_is_replaced(autojump_clock: trio.abc.Clock, house: House, account: Account) -> None:
    await account.rest.call("POST", codes.MESSAGES, {"receive_id": "\udcff"}, params={"receive_id_type": "\udcff"})
    assert house.heard[-1].json() == {"receive_id": "\ufffd"}


async def test_a_throttled_api_rests_for_everybody(
    autojump_clock: trio.abc.Clock, house: House, account: Account
) -> None:
    house.rest.scripts.add("GET /open-apis/bot/v3/info", refused(99991400, x_ogw_ratelimit_reset="3"))
    outcome = await account.rest.call("GET", codes.BOT)
    assert (outcome.category, outcome.retry_after) == ("throttled", 3)
    assert (await account.rest.call("GET", codes.BOT)).category == "ok"
    assert trio.current_time() == 3
    assert account.rest.standing.throttles == 1


async def test_a_long_rest_keeps_nobody(autojump_clock: trio.abc.Clock, house: House, account: Account) -> None:
    house.rest.scripts.add("GET /open-apis/bot/v3/info", refused(99991400, status=429, x_ogw_ratelimit_reset="52"))
    await account.rest.call("GET", codes.BOT)
    before = len(house.heard)
    with pytest.raises(NotSent) as raised:
        await account.rest.call("GET", codes.BOT)
    assert raised.value.retry_after == 52
    assert len(house.heard) == before


async def test_missing_scopes_and_used_up_calls_are_told_once_an_hour(
    autojump_clock: trio.abc.Clock, house: House, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    house.rest.scripts.add("GET /open-apis/bot/v3/info", refused(99991403, "quota"), times=3)
    for pause in (0, 10, 3600):
        await trio.sleep(pause)
        await account.rest.call("GET", codes.BOT)
    house.rest.scripts.add("GET /open-apis/bot/v3/info", refused(99991672, "required: [a:b]"), times=2)
    await account.rest.call("GET", codes.BOT)
    await account.rest.call("GET", codes.BOT)
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert told == [("ERROR", "the calls of the month are used up")] * 2 + [("ERROR", "the app lacks a scope")]
    assert account.rest.standing.quota_gone_at == trio.current_time()
    assert account.rest.standing.missing_scopes == ("a:b",)
    await account.rest.call("GET", codes.BOT)
    assert account.rest.standing.missing_scopes == ()


async def test_the_answer_of_a_call_is_its_data(autojump_clock: trio.abc.Clock, house: House, account: Account) -> None:
    body = {"receive_id": GROUP, "msg_type": "text", "content": '{"text":"hi"}'}
    params = {"receive_id_type": "chat_id"}
    data = await answer_of(account.rest.call("POST", codes.MESSAGES, body, params=params))
    assert data["message_id"] == house.rest.sent[0].message_id
    with pytest.raises(RequestFailed):
        await answer_of(account.rest.call("POST", codes.MESSAGES, {}, params=params))


@pytest.mark.parametrize(("repeatable", "error"), [(True, ConnectionLost), (False, OutcomeUnknown)])
async def test_a_call_without_an_answer(
    autojump_clock: trio.abc.Clock, house: House, account: Account, repeatable: bool, error: type[Exception]
) -> None:
    await account.rest.token.get()
    house.rest.scripts.swallow(f"POST {MESSAGES}")
    with pytest.raises(error):
        await answer_of(account.rest.call("POST", codes.MESSAGES, {}), repeatable=repeatable)


async def download(account: Account) -> bytes:
    got = bytearray()
    async with account.rest.download(RESOURCE, ids=["om_1", "file_1"], params={"type": "file"}) as stream:
        while piece := await stream.receive_some():
            got += piece
    return bytes(got)


@pytest.mark.parametrize(
    "headers", [{}, {"Content-Disposition": 'attachment; filename="a.json"'}], ids=["binary", "json"]
)
async def test_a_file_comes_piece_by_piece(
    autojump_clock: trio.abc.Clock, house: House, account: Account, headers: dict[str, str]
) -> None:
    kind = "application/json" if headers else "application/octet-stream"
    house.rest.scripts.add(f"GET {RESOURCE_OF_SERVER}", Answer(body=b'{"code":1}', content_type=kind, headers=headers))
    assert await download(account) == b'{"code":1}'
    assert house.heard[-1].target.endswith("/im/v1/messages/om_1/resources/file_1?type=file")


async def test_a_file_is_asked_for_with_a_good_token(
    autojump_clock: trio.abc.Clock, house: House, account: Account
) -> None:
    await account.rest.token.get()
    house.rest.tokens.revoke()
    house.rest.scripts.add(f"GET {RESOURCE_OF_SERVER}", refused(99991663), Answer(body=b"x", content_type="image/png"))
    assert await download(account) == b"x"
    house.rest.scripts.add(f"GET {RESOURCE_OF_SERVER}", refused(99991663), times=2)
    await trio.sleep(31)
    with pytest.raises(NotSent, match="did not take it"):
        await download(account)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refused(234043, "sub messages"), RequestFailed),
        (refused(234001, status=200), RequestFailed),
        (refused(99991400, status=429), RateLimited),
        (Answer(status=500, body="page"), RateLimited),
        (Answer(status=200, body="{}"), RateLimited),
    ],
)
async def test_an_error_in_place_of_a_file(
    autojump_clock: trio.abc.Clock, house: House, account: Account, answer: Any, error: type[Exception]
) -> None:
    house.rest.scripts.add(f"GET {RESOURCE_OF_SERVER}", answer)
    with pytest.raises(error):
        await download(account)

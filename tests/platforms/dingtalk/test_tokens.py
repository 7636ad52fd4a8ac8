"""One access token for everybody who needs it, and not one call too many for it."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from tests.platforms.dingtalk.cloud import CLIENT_ID, Cloud, Desk, config, open_desk
from trio_bridge.errors import NotSent, RateLimited
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.dingtalk.codes import SEND_TO_PEOPLE, TOKEN
from trio_bridge.platforms.dingtalk.tokens import AccessToken
from trio_bridge.transport.http import open_http_client


async def send(desk: Desk) -> None:
    await desk.send(desk.platform.target_for("staff0001"), "hi")


async def test_one_token_serves_many_calls_until_five_minutes_before_its_end(
    autojump_clock: trio.abc.Clock, desk: Desk
) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(10):
            nursery.start_soon(send, desk)
    await trio.sleep(6899)
    await send(desk)
    assert desk.cloud.rest.calls == {TOKEN: 1, SEND_TO_PEOPLE: 11}
    await trio.sleep(1)
    await send(desk)
    assert desk.cloud.rest.calls[TOKEN] == 2


@pytest.mark.parametrize(("life", "seconds"), [(400, 200), (1000, 700), (None, 300)])
async def test_a_short_or_unsaid_life_is_used_with_care(
    autojump_clock: trio.abc.Clock, desk: Desk, life: Any, seconds: float
) -> None:
    await send(desk)
    (token,) = desk.cloud.rest.desk._tokens
    said = "null" if life is None else f'"{life}"' if isinstance(life, str) else f"{life}"
    await trio.sleep(7000)
    desk.cloud.rest.desk._tokens[token] = (CLIENT_ID, trio.current_time() + 9999)
    desk.cloud.rest.scripts.add(TOKEN, Answer(body=f'{{"accessToken":"{token}","expireIn":{said}}}'))
    await send(desk)
    await trio.sleep(seconds - 1)
    await send(desk)
    assert desk.cloud.rest.calls[TOKEN] == 2
    await trio.sleep(1)
    await send(desk)
    assert desk.cloud.rest.calls[TOKEN] == 3


async def test_trap_63_a_bad_token_is_fetched_once_more(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    await send(desk)
    desk.cloud.rest.expire_tokens()
    desk.cloud.rest.calls.clear()
    await send(desk)
    assert desk.cloud.rest.calls == {TOKEN: 1, SEND_TO_PEOPLE: 2}
    assert len(desk.cloud.rest.sent) == 2


async def test_many_calls_with_a_bad_token_fetch_one(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    await send(desk)
    desk.cloud.rest.expire_tokens()
    desk.cloud.rest.calls.clear()
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(send, desk)
    assert desk.cloud.rest.calls[TOKEN] == 1
    assert len(desk.cloud.rest.sent) == 6


async def test_a_late_refusal_does_not_cost_the_next_token(autojump_clock: trio.abc.Clock, cloud: Cloud) -> None:
    async with open_http_client(network=cloud.network) as http:
        token = AccessToken(config(), http)
        old = await token.get()
        token.refuse(old)
        new = await token.get()
        token.refuse(old)
        assert await token.get() == new != old
    assert cloud.rest.calls == {TOKEN: 2}
    assert new not in repr(token)


async def test_tokens_that_are_always_bad_are_not_fetched_all_the_time(
    autojump_clock: trio.abc.Clock, desk: Desk, replies: dict[str, Answer]
) -> None:
    desk.cloud.rest.scripts.add(SEND_TO_PEOPLE, replies["v1_token_expired_is_400"], times=99)
    for _ in range(5):
        with pytest.raises(NotSent):
            await send(desk)
        await trio.sleep(5)
    assert desk.cloud.rest.calls[TOKEN] == 2  # the first, and one in its place
    with pytest.raises(NotSent) as caught:
        await send(desk)
    assert caught.value.retry_after == 5
    await trio.sleep(5)
    with pytest.raises(NotSent):
        await send(desk)
    assert desk.cloud.rest.calls[TOKEN] == 3


async def test_a_token_call_without_an_answer_leaves_the_message_unsent(
    autojump_clock: trio.abc.Clock, desk: Desk
) -> None:
    desk.cloud.rest.scripts.hang(TOKEN)
    with pytest.raises(NotSent):
        await send(desk)
    await send(desk)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(status=403, body='{"code":"Forbidden.AccessDenied.IpNotInWhiteList","message":"not from there"}'),
        Answer(status=403, content_type="text/html", body="<html>blocked</html>"),
    ],
)
async def test_what_a_refused_token_was_wanted_for_was_not_refused(
    autojump_clock: trio.abc.Clock, desk: Desk, answer: Answer
) -> None:
    desk.cloud.rest.scripts.add(TOKEN, answer)
    with pytest.raises(NotSent, match=r"no access token: .* 403"):
        await send(desk)
    await send(desk)


async def test_a_throttled_token_call_asks_for_patience(
    autojump_clock: trio.abc.Clock, desk: Desk, replies: dict[str, Answer]
) -> None:
    desk.cloud.rest.scripts.add(TOKEN, replies["qps_app"])
    with pytest.raises(RateLimited):
        await send(desk)


async def test_a_cancelled_fetch_leaves_the_next_one_free(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    desk.cloud.rest.scripts.hang(TOKEN)
    with trio.move_on_after(1):
        await send(desk)
    with trio.fail_after(1):
        await send(desk)


async def test_trap_12_no_account_uses_the_token_of_another(autojump_clock: trio.abc.Clock, cloud: Cloud) -> None:
    cloud.gateway.add_app("dingexampleappkey0002", "other-secret")
    async with (
        open_desk(cloud) as one,
        open_desk(cloud, name="other", client_id="dingexampleappkey0002", client_secret="other-secret") as other,
    ):
        await send(one)
        await send(other)
    assert [sent.client_id for sent in cloud.rest.sent] == [CLIENT_ID, "dingexampleappkey0002"]
    assert cloud.rest.calls[TOKEN] == 2

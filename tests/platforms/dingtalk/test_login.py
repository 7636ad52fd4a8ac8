"""How connections come to be, and how they don't."""

from __future__ import annotations

import json

import pytest
import trio

from tests.platforms.dingtalk.cloud import CLIENT_ID, SECRET, Cloud, Desk, open_desk
from trio_bridge.config import Secret
from trio_bridge.errors import AccountRefused, ConfigError, HandshakeFailed, RateLimited
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.dingtalk.codes import BAN, OPEN
from trio_bridge.platforms.dingtalk.login import with_ticket
from trio_bridge.platforms.dingtalk.protocol import DingTalkProtocol

Replies = dict[str, Answer]


async def connect(desk: Desk) -> None:
    async with desk.platform.connect():
        pass


async def test_the_open_call_says_what_it_must(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    async with desk.platform.connect() as connection:
        assert isinstance(connection.protocol, DingTalkProtocol)
        assert len(desk.cloud.gateway.connections(CLIENT_ID)) == 1
    opened, upgraded = desk.cloud.requests
    assert (opened.method, opened.target) == ("POST", OPEN)
    assert opened.headers["content-type"] == opened.headers["accept"] == "application/json"
    assert opened.json() == {
        "clientId": CLIENT_ID,
        "clientSecret": SECRET,
        "subscriptions": [{"type": "CALLBACK", "topic": "/v1.0/im/bot/messages/get"}],
        "ua": "trio-bridge-python/1.0",
    }
    assert upgraded.query["v"] == "1"
    assert "authorization" not in upgraded.headers


async def test_the_open_call_leaves_no_connection_behind(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    async with desk.platform.connect():
        assert len(desk.cloud.network.connections) == 1, "the WebSocket, and nothing else"


async def test_messages_come_in_and_acks_go_out(
    autojump_clock: trio.abc.Clock, desk: Desk, frames: dict[str, str]
) -> None:
    async with desk.platform.connect() as connection:
        await trio.testing.wait_all_tasks_blocked()
        await desk.cloud.sockets[0].send_batch([frames["text_dm"]])
        batch = connection.protocol.receive(await connection.link.receive_batch())
        (delivery,) = batch.deliveries
        ack = connection.protocol.ack(delivery)
        assert ack is not None
        await connection.link.send_batch([ack])
    assert [json.loads(frame)["code"] for frame in desk.cloud.received[0]] == [200]


@pytest.mark.parametrize(
    ("endpoint", "ticket", "url"),
    [
        ("wss://x.invalid:443/connect", "t", "wss://x.invalid:443/connect?ticket=t"),
        ("wss://x.invalid/connect?a=1", "t", "wss://x.invalid/connect?a=1&ticket=t"),
        ("ws://127.0.0.1:1", "a/b c+d&e=%", "ws://127.0.0.1:1?ticket=a%2Fb%20c%2Bd%26e%3D%25"),
    ],
)
def test_the_ticket_joins_the_query(endpoint: str, ticket: str, url: str) -> None:
    assert with_ticket(endpoint, ticket) == url


@pytest.mark.parametrize(("endpoint", "ticket"), [("https://x.invalid", "t"), ("nowhere", "t"), ("wss://[", "t")])
def test_an_address_of_no_websocket_is_a_failed_login(endpoint: str, ticket: str) -> None:
    with pytest.raises(HandshakeFailed, match="no address") as caught:
        with_ticket(endpoint, ticket)
    assert caught.value.stage == "login"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        ("open_auth_failed", AccountRefused),
        ("open_403_qps", RateLimited),
        ("ip_banned_html", RateLimited),
        ("open_400_blank_client_id", HandshakeFailed),
        ("open_plain_http_to_https", HandshakeFailed),
        ("ip_not_whitelisted", HandshakeFailed),
        ("open_503", HandshakeFailed),
        ("open_200_html", HandshakeFailed),
        ("open_200_no_ticket", HandshakeFailed),
    ],
)
async def test_every_answer_to_the_open_call_says_what_to_do_next(
    autojump_clock: trio.abc.Clock, desk: Desk, replies: Replies, reply: str, error: type[Exception]
) -> None:
    desk.cloud.rest.scripts.add(OPEN, replies[reply])
    with pytest.raises(error) as caught:
        await connect(desk)
    assert type(caught.value) is error
    await trio.sleep(BAN)
    await connect(desk)


async def test_a_malformed_open_call_comes_with_a_hint(
    autojump_clock: trio.abc.Clock, desk: Desk, replies: Replies
) -> None:
    desk.cloud.rest.scripts.add(OPEN, replies["open_plain_http_to_https"])
    with pytest.raises(HandshakeFailed, match=r"client_id.*proxy") as caught:
        await connect(desk)
    assert (caught.value.stage, caught.value.status) == ("login", 400)


async def test_trap_35_forbidden_is_for_good_only_when_repeated(
    autojump_clock: trio.abc.Clock, desk: Desk, replies: Replies
) -> None:
    """Three equal answers in a row, not three of any kind; and never because of too many calls."""
    scripts = desk.cloud.rest.scripts
    odd = Answer(status=403, body='{"code":"Odd"}')
    scripts.add(OPEN, replies["open_403_qps"], times=4)
    for _ in range(4):
        with pytest.raises(RateLimited) as throttled:
            await connect(desk)
        assert throttled.value.retry_after == 1
    await connect(desk)

    for other in (replies["open_503"], Answer(status=403, body='{"code":"Odder"}'), None):
        scripts.add(OPEN, odd, odd, *([other] if other else []))
        for _ in range(3 if other else 2):
            with pytest.raises(HandshakeFailed):
                await connect(desk)
        if other is None:
            await connect(desk)

    scripts.add(OPEN, odd, times=3)
    for _ in range(2):
        with pytest.raises(HandshakeFailed):
            await connect(desk)
    with pytest.raises(AccountRefused) as refused:
        await connect(desk)
    assert (refused.value.kind, refused.value.code) == ("auth", "Odd")


async def test_trap_4_a_revoked_secret_is_said_aloud_after_one_call(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    await connect(desk)
    desk.cloud.gateway.add_app(CLIENT_ID, "another")
    with pytest.raises(AccountRefused) as caught:
        await connect(desk)
    assert (caught.value.kind, caught.value.code) == ("auth", "authFailed")
    assert desk.cloud.rest.calls[OPEN] == 2


async def test_the_secret_is_read_at_each_attempt(
    autojump_clock: trio.abc.Clock, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_desk(cloud, client_secret=Secret(env="DINGTALK_TEST_SECRET")) as desk:
        with pytest.raises(ConfigError, match="DINGTALK_TEST_SECRET"):
            await connect(desk)
        assert not cloud.requests
        monkeypatch.setenv("DINGTALK_TEST_SECRET", SECRET)
        await connect(desk)


async def test_trap_39_a_hung_gateway_is_left_after_ten_seconds(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    desk.cloud.rest.scripts.hang(OPEN, times=2)
    began = trio.current_time()
    with pytest.raises(HandshakeFailed) as caught:
        await connect(desk)
    assert (caught.value.stage, trio.current_time() - began) == ("login", 10)
    with trio.move_on_after(0.5):
        await connect(desk)
    assert trio.current_time() - began == 10.5


async def test_trap_39_a_black_hole_is_a_failed_login(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    with desk.cloud.network.blackhole(), pytest.raises(HandshakeFailed):
        await connect(desk)


async def test_trap_52_a_connection_is_there_only_after_the_upgrade(
    autojump_clock: trio.abc.Clock, desk: Desk, replies: Replies
) -> None:
    desk.cloud.rest.scripts.add(OPEN, replies["open_503"])
    with pytest.raises(HandshakeFailed) as caught:
        await connect(desk)
    assert caught.value.status == 503
    ticket = Answer(body=json.dumps({"endpoint": desk.cloud.rest.socket_url, "ticket": "used-up"}))
    desk.cloud.rest.scripts.add(OPEN, ticket)
    with pytest.raises(HandshakeFailed) as caught:
        await connect(desk)
    assert (caught.value.stage, caught.value.status) == ("upgrade", 401)
    assert not desk.cloud.sockets
    await connect(desk)
    assert desk.cloud.rest.calls[OPEN] == 3


async def test_trap_58_every_account_subscribes_for_itself(autojump_clock: trio.abc.Clock, cloud: Cloud) -> None:
    cloud.gateway.add_app("dingexampleappkey0002", SECRET)
    async with open_desk(cloud) as one, open_desk(cloud, name="other", client_id="dingexampleappkey0002") as other:
        for desk in (one, other, one):
            await connect(desk)
    topic = {"type": "CALLBACK", "topic": "/v1.0/im/bot/messages/get"}
    assert [call.body["clientId"] for call in cloud.rest.open_calls] == [
        CLIENT_ID,
        "dingexampleappkey0002",
        CLIENT_ID,
    ]
    assert [call.body["subscriptions"] for call in cloud.rest.open_calls] == [[topic]] * 3

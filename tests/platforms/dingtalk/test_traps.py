"""Mistakes that others made, each with the number it is known by.

More of them are tested beside what they concern. What the numbers stand for: docs/dingtalk-proofs.md.
"""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
import trio

from tests.platforms.dingtalk.cloud import BASE, CLIENT_ID, EPOCH, SECRET, Cloud, Desk, in_group, open_desk
from trio_bridge.errors import BridgeError, NotSent, OutcomeUnknown, RateLimited, RequestFailed
from trio_bridge.gateways.calls import Answer
from trio_bridge.platforms.dingtalk.codes import OPEN, SEND_TO_GROUP, SEND_TO_PEOPLE, TOKEN, WEBHOOK, classify
from trio_bridge.platforms.dingtalk.extract import Extracted
from trio_bridge.platforms.dingtalk.protocol import DingTalkProtocol
from trio_bridge.transport.server import serve_listener
from trio_bridge.wire.protocol import Batch, Delivery

Frames = dict[str, str]
Replies = dict[str, Answer]


def one(frame: str) -> Delivery:
    (delivery,) = DingTalkProtocol().receive([frame]).deliveries
    return delivery


def test_trap_7_a_connection_has_nothing_to_ack_but_what_came_on_it(frames: Frames) -> None:
    first, second = DingTalkProtocol(), DingTalkProtocol()
    first.receive([frames["text_dm"]])
    assert second.receive([]) == Batch()
    assert first.receive([]) == Batch()


def test_trap_13_and_23_a_redelivery_has_the_key_of_the_message(frames: Frames) -> None:
    first = one(frames["text_first_delivery"])
    again = one(frames["text_redelivery_same_msgid_new_message_id"])
    assert first.key == again.key == "msgZXgtbXNnLTAwMDAwMDIw"
    assert first.ack != again.ack
    assert DingTalkProtocol().ack(first) != DingTalkProtocol().ack(again)


def test_trap_13_without_an_id_of_its_own_a_message_is_known_by_its_envelope(frames: Frames) -> None:
    delivery = one(frames["text_msgid_missing"])
    assert delivery.key == f"h:{delivery.ack}"


async def test_trap_67_two_robots_each_answer_the_message_that_names_both(
    autojump_clock: trio.abc.Clock, cloud: Cloud, frames: Frames
) -> None:
    delivery = one(frames["text_group_at_two_bots_and_user"])
    async with open_desk(cloud) as one_, open_desk(cloud, name="other") as other:
        messages = [desk.message(json.loads(delivery.data)) for desk in (one_, other)]
    assert {message.account for message in messages} == {"sales", "other"}
    assert len({message.id for message in messages}) == 1  # the store keeps each account's keys apart


async def test_trap_9_the_endpoint_is_really_used(autojump_clock: trio.abc.Clock, cloud: Cloud) -> None:
    elsewhere = await cloud.network.listen_tcp("127.0.0.1", 7070)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_listener, elsewhere, cloud.handle)
        async with open_desk(cloud, endpoint="http://127.0.0.1:7070") as desk, desk.platform.connect():
            await desk.send(desk.platform.target_for("staff0001"), "hi")
        nursery.cancel_scope.cancel()
    asked = {request.path: request.headers["host"] for request in cloud.requests}
    assert asked == {
        OPEN: "127.0.0.1:7070",
        "/connect": "127.0.0.1:8080",  # where the ticket is for
        TOKEN: "127.0.0.1:7070",
        SEND_TO_PEOPLE: "127.0.0.1:7070",
    }


async def test_trap_18_an_expired_webhook_is_replaced_by_one_call(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    data = desk.cloud.say()
    desk.cloud.rest.expire_sessions()
    await desk.answer(data, "pong")
    assert desk.cloud.rest.calls == {WEBHOOK: 1, TOKEN: 1, SEND_TO_PEOPLE: 1}
    assert [sent.text for sent in desk.cloud.rest.sent] == ["pong"]


async def test_trap_25_a_mention_is_one_that_dingtalk_shows(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    """The simulator refuses keys in ``at`` that it does not know."""
    await desk.answer(desk.cloud.say(**in_group()), "# yes")
    (body,) = desk.cloud.bodies(WEBHOOK)
    assert body["at"] == {"atUserIds": ["staff0001"], "isAtAll": False}
    assert "@staff0001" in body["markdown"]["text"]


async def test_trap_28_two_accounts_share_nothing(autojump_clock: trio.abc.Clock, cloud: Cloud) -> None:
    async with (
        open_desk(cloud) as one_,
        open_desk(cloud, name="other", endpoint="http://127.0.0.1:9", chunk_limit=100, reply_mode="text") as other,
    ):
        await one_.send(one_.platform.target_for("staff0001"), "**one**\n" * 30)
        with pytest.raises(NotSent, match=r"127\.0\.0\.1"):
            await other.send(other.platform.target_for("staff0001"), "two")
    assert [body["msgKey"] for body in cloud.bodies(SEND_TO_PEOPLE)] == ["sampleMarkdown"]


def test_trap_38_a_403_for_too_many_calls_is_throttling(replies: Replies) -> None:
    for name in ("qps_app", "qps_global"):
        outcome = classify("POST", SEND_TO_PEOPLE, 403, replies[name].body.encode())
        assert (outcome.category, outcome.retry_after) == ("throttled", 1.0)


async def test_trap_43_bad_frames_do_not_close_the_connection(
    autojump_clock: trio.abc.Clock, desk: Desk, frames: Frames
) -> None:
    bad = [frame for name, frame in frames.items() if name.startswith("bad_")]
    total = Batch()
    async with desk.platform.connect() as connection, trio.open_nursery() as nursery:
        await trio.testing.wait_all_tasks_blocked()
        (socket,) = desk.cloud.sockets
        nursery.start_soon(socket.send_batch, [*bad, b"\xff\xfe not utf-8", frames["text_dm"]])
        while not total.deliveries:
            batch = connection.protocol.receive(await connection.link.receive_batch())
            total.deliveries += batch.deliveries
            total.bad += batch.bad
        await connection.link.send_batch()  # it is open
    assert len(bad) == 20
    assert [delivery.key for delivery in total.deliveries] == ["msgZXgtbXNnLTAwMDAwMDAx"]
    assert total.bad <= 20  # more in a minute would end a connection


def test_trap_49_an_event_is_acknowledged_with_a_status(frames: Frames) -> None:
    for name, frame in frames.items():
        if name.startswith("event_"):
            (reply,) = DingTalkProtocol().receive([frame]).replies
            assert json.loads(json.loads(reply)["data"])["status"] == "SUCCESS"


def test_trap_50_and_55_the_whole_recording_on_one_connection(frames: Frames) -> None:
    """What was sent in one run of frames means what it means one by one."""
    protocol = DingTalkProtocol()
    together = protocol.receive(list(frames.values()))
    apart = [protocol.receive([frame]) for frame in frames.values()]
    assert together.deliveries == [delivery for batch in apart for delivery in batch.deliveries]
    assert together.replies == [reply for batch in apart for reply in batch.replies]
    assert together.bad == sum(batch.bad for batch in apart) <= 20


async def test_trap_62_an_outsider_is_answered_by_webhook_only(
    autojump_clock: trio.abc.Clock, desk: Desk, frames: Frames
) -> None:
    data = json.loads(one(frames["text_dm_outsider_no_staff_id"]).data)
    data |= {"sessionWebhook": desk.cloud.say()["sessionWebhook"]}
    await desk.answer(data, "pong")
    assert [sent.via for sent in desk.cloud.rest.sent] == ["webhook"]

    desk.cloud.rest.expire_sessions()
    with pytest.raises(RequestFailed, match="no staff id"):
        await desk.answer(data, "pong")
    with pytest.raises(RequestFailed, match="no staff id"):
        await desk.answer(data | {"sessionWebhookExpiredTime": EPOCH * 1000 - 1}, "pong")
    with pytest.raises(RequestFailed, match="no staff id"):
        desk.platform.target_for(data["senderId"])
    assert SEND_TO_PEOPLE not in desk.cloud.rest.calls
    assert SEND_TO_GROUP not in desk.cloud.rest.calls


def test_trap_64_lone_surrogates_are_gone_after_the_parser(frames: Frames) -> None:
    delivery = one(frames["lenient_lone_surrogate"])
    delivery.data.encode()
    assert Extracted(json.loads(delivery.data)).text == "\ufffd end"


async def test_trap_64_not_even_the_raw_data_keeps_them(desk: Desk, frames: Frames) -> None:
    message = desk.message(json.loads(one(frames["lenient_lone_surrogate"]).data))
    assert message.text == message.raw["text"]["content"] == "\ufffd end"


@pytest.mark.parametrize(
    "name", ["bad_robot_data_deeply_nested", "bad_robot_data_huge_integer", "bad_outer_deeply_nested"]
)
def test_trap_65_depth_and_huge_numbers_are_bad_data(frames: Frames, name: str) -> None:
    batch = DingTalkProtocol().receive([frames[name]])
    codes = [json.loads(reply)["code"] for reply in batch.replies]
    assert (codes, batch.bad) == (([], 1) if name.startswith("bad_outer") else ([400], 0))


async def test_trap_68_the_robot_is_the_apps_own(autojump_clock: trio.abc.Clock, cloud: Cloud) -> None:
    """Whatever robot code a message names."""
    cloud.gateway.add_app("dingexampleappkey0002", SECRET, "dingrobot0002")
    async with open_desk(cloud, name="other", client_id="dingexampleappkey0002", robot_code="dingrobot0002") as desk:
        data = cloud.say(robotCode=CLIENT_ID, sessionWebhook=None)
        await desk.answer(data, "pong")
        await desk.answer(data | in_group(), "pong")
    assert [body["robotCode"] for path in (SEND_TO_PEOPLE, SEND_TO_GROUP) for body in cloud.bodies(path)] == [
        "dingrobot0002"
    ] * 2


def test_trap_69_a_status_of_200_is_no_success(rest_case: dict[str, Any]) -> None:
    if rest_case["status"] == 200:
        outcome = classify(rest_case["method"], rest_case["path"], 200, rest_case["body"].encode())
        assert (outcome.category == "ok") is (rest_case["expect"]["category"] == "ok")


async def test_trap_26_a_success_without_its_key_is_none(
    autojump_clock: trio.abc.Clock, desk: Desk, replies: Replies
) -> None:
    desk.cloud.rest.scripts.add(SEND_TO_PEOPLE, replies["batchsend_200_without_key"])
    with pytest.raises(OutcomeUnknown, match="may have sent it"):
        await desk.answer(desk.cloud.say(sessionWebhook=None), "pong")


async def test_trap_70_a_forged_webhook_is_not_called(autojump_clock: trio.abc.Clock, cloud: Cloud) -> None:
    data = cloud.say()
    loopback = {"sessionWebhook": data["sessionWebhook"]}
    inside = {"sessionWebhook": "http://169.254.169.254/latest"}
    async with open_desk(cloud, endpoint="https://api.dingtalk.com") as real, open_desk(cloud) as simulated:
        for desk, forged in ((real, loopback), (real, inside), (simulated, inside)):
            target = desk.platform.target(desk.message({**data, **forged, "senderStaffId": ""}))
            with pytest.raises(RequestFailed, match="no staff id"):
                await desk.send(target, "pong")
    assert not cloud.requests


async def test_trap_70_a_webhook_that_redirects_is_not_followed(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    moved = Answer(status=307, headers={"Location": f"{BASE}/elsewhere"})
    desk.cloud.rest.scripts.add(WEBHOOK, moved)
    with pytest.raises(RateLimited):
        await desk.answer(desk.cloud.say(), "pong")
    assert [request.path for request in desk.cloud.requests] == [WEBHOOK]


CANARIES = {"secret": SECRET, "ticket": "canary-ticket", "token": "canary-token", "session": "canary-session"}


@pytest.fixture
def everything_logged(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG):
        yield caplog


async def test_trap_48_and_57_no_secret_is_ever_shown(
    autojump_clock: trio.abc.Clock, desk: Desk, replies: Replies, everything_logged: pytest.LogCaptureFixture
) -> None:
    """Not in a log at any level, nor in an exception with its causes, nor in a representation."""
    shown: list[str] = [repr(desk.platform)]
    scripts = desk.cloud.rest.scripts
    ticket = Answer(
        body=json.dumps({"endpoint": desk.cloud.rest.socket_url, "ticket": CANARIES["ticket"], "extra": SECRET})
    )
    for answer in (ticket, Answer(body='{"endpoint":"https://x/","ticket":"canary-ticket"}'), *_opens(replies)):
        scripts.add(OPEN, answer)
        try:
            async with desk.platform.connect() as connection:
                shown.append(repr(connection))
        except BridgeError as error:
            shown += _all_of(error)

    token = Answer(body=json.dumps({"accessToken": CANARIES["token"], "expireIn": 7200}))
    data = desk.cloud.say(sessionWebhook=f"{BASE}{WEBHOOK}?session={CANARIES['session']}")
    for script in (token, token, Answer(ending="hang"), *_opens(replies)):
        scripts.add(TOKEN, script)
        try:
            await desk.answer(data, "pong")
        except BridgeError as error:
            shown += _all_of(error)
        shown.append(repr(desk.platform))
        await trio.sleep(7200)

    for script in (Answer(ending="hang"), replies["webhook_generic_error"], replies["gateway_timeout"]):
        scripts.add(WEBHOOK, script)
        data = {**data, "sessionWebhookExpiredTime": None}
        try:
            await desk.answer(data, "pong")
        except BridgeError as error:
            shown += _all_of(error)

    assert {request.path for request in desk.cloud.requests} >= {OPEN, TOKEN, WEBHOOK, "/connect"}
    assert len(shown) > 20
    everything = "\n".join(shown) + everything_logged.text
    everything += "".join(str(vars(record)) for record in everything_logged.records)
    assert [name for name, canary in CANARIES.items() if canary in everything] == []


def _opens(replies: Replies) -> list[Answer]:
    return [answer for name, answer in replies.items() if name.startswith("open_") and name != "open_ok"]


def _all_of(error: BaseException) -> list[str]:
    return [repr(error), *traceback.format_exception(error), str(attrs.asdict(error) if attrs.has(type(error)) else "")]

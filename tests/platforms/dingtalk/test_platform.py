"""An account's side of DingTalk, as the engine asks for it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import trio

from tests.platforms.dingtalk.cloud import Cloud, Desk, NoContext, in_group, open_desk
from trio_bridge.errors import RequestFailed
from trio_bridge.messages import Attachment, Conversation, Quote, Sender
from trio_bridge.platforms.dingtalk.protocol import DingTalkProtocol
from trio_bridge.platforms.dingtalk.targets import Target
from trio_bridge.wire.protocol import Delivery

Frames = dict[str, str]


def delivery(frame: str) -> Delivery:
    (found,) = DingTalkProtocol().receive([frame]).deliveries
    return found


async def test_what_the_engine_may_rely_on(desk: Desk) -> None:
    platform = desk.platform
    assert (platform.overlap, platform.redelivers_unacked, platform.sends_are_keyed) == ("concurrent", False, False)
    assert platform.api is not None
    assert not desk.cloud.requests


async def test_a_message_says_everything(desk: Desk, frames: Frames) -> None:
    context = NoContext()
    message = desk.platform.message(delivery(frames["richtext_with_quote"]), context)
    assert message is not None
    assert message.platform == "dingtalk"
    assert message.account == "sales"
    assert message.id == "msgZXgtbXNnLTAwMDAwMDM0"
    assert message.conversation == Conversation("cidR3JvdXArRXhhbXBsZS8wMDE=", "group", "示例群 Example Group")
    assert message.sender == Sender("staff0001", "Alice Example", ("$:LWCP_v1:$dXNlci1leGFtcGxlLTAwMDE=",))
    assert message.text == "这是什么"
    assert message.attachments == ()
    assert message.mentioned is True
    assert message.reply_to == Quote(
        id="msgquoted000000000001",
        attachments=(Attachment(kind="image", source={"code": "dcode-0009"}),),
        kind="picture",
    )
    assert message.sent_at is not None
    assert message.sent_at.tzinfo is UTC
    assert message.sent_at == datetime.fromtimestamp(message.raw["createAt"] / 1000, UTC)
    assert message.raw["content"]["richText"] == [{"text": "这是什么"}]


async def test_a_direct_message_is_for_the_robot(desk: Desk, frames: Frames) -> None:
    message = desk.platform.message(delivery(frames["text_dm"]), NoContext())
    assert message is not None
    assert message.conversation == Conversation("staff0001", "direct")
    assert message.mentioned is True


@pytest.mark.parametrize("name", ["text_empty", "text_null", "richtext_empty", "picture_without_code"])
async def test_what_says_nothing_is_not_handled(desk: Desk, frames: Frames, name: str) -> None:
    assert desk.platform.message(delivery(frames[name]), NoContext()) is None


async def test_what_nobody_can_read_is_not_handled(desk: Desk, frames: Frames) -> None:
    assert desk.platform.message(delivery(frames["unknown_msgtype"]), NoContext()) is None


@pytest.mark.parametrize("data", ["", "{", "[" * 30_000, "1" * 5000])
async def test_a_payload_that_is_not_json_says_nothing(desk: Desk, data: str) -> None:
    assert desk.platform.message(Delivery("k", "lane", "topic", data), NoContext()) is None


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("@小马 /status now", "/status now"),
        ("@小马，你好", "你好"),
        ("@Pony Express hello", "hello"),
        ("@PONY hello", "hello"),
        ("@小马儿 hello", "@小马儿 hello"),
        ("hello @小马", "hello @小马"),
        ("@Alice hello", "@Alice hello"),
    ],
)
async def test_the_robots_name_is_taken_off(cloud: Cloud, said: str, text: str) -> None:
    async with open_desk(cloud, bot_names=["小马", "Pony", "Pony Express"]) as desk:
        assert desk.message({"text": {"content": said}}).text == text


async def test_the_robots_name_alone_says_nothing(cloud: Cloud) -> None:
    async with open_desk(cloud, bot_names=["小马"]) as desk:
        data = json.dumps({"text": {"content": "@小马 "}})
        assert desk.platform.message(Delivery("k", "lane", "topic", data), NoContext()) is None


async def test_the_gate_is_asked(autojump_clock: trio.abc.Clock, desk: Desk) -> None:
    assert await desk.platform.admits(desk.message({"text": {"content": "x"}}))
    assert not await desk.platform.admits(desk.message(in_group(text={"content": "x"}, isInAtList=False)))


async def test_targets_are_kept_as_text(desk: Desk) -> None:
    data = desk.cloud.say(**in_group())
    target = Target.load(desk.platform.target(desk.message(data)))
    assert (target.kind, target.id, target.staff) == ("group", "cidGROUP", "staff0001")
    assert target.webhook == data["sessionWebhook"]
    assert desk.platform.target_for("cidX") == '{"kind":"group","id":"cidX"}'
    with pytest.raises(RequestFailed):
        desk.platform.target_for("")

"""What people say to a bot on an SDK, what it answers, and what comes again."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.interop.stage import open_stage
from trio_bridge.platforms.dingtalk.gateway.frames import CARD, GRAPH
from trio_bridge.platforms.dingtalk.gateway.ledger import Pushed
from trio_bridge.platforms.dingtalk.gateway.model import Rules
from trio_bridge.platforms.dingtalk.gateway.rest import OLD_TOKEN, WEBHOOK
from trio_bridge.testing.dingtalk import DingTalkSimulator

pytestmark = [pytest.mark.interop, pytest.mark.parametrize("sdk", ["python", "node"])]

FILE = {"downloadCode": "code", "fileName": "a.txt", "fileId": "1", "spaceId": "2"}
CONTENTS: dict[str, dict[str, Any] | None] = {
    "text": None,
    "richText": {"richText": [{"text": "look: "}, {"type": "picture", "downloadCode": "code"}]},
    "picture": {"downloadCode": "code", "pictureDownloadCode": "code"},
    "audio": {"downloadCode": "code", "duration": 4000, "recognition": "hello"},
    "video": {"downloadCode": "code", "duration": "4", "videoType": "mp4"},
    "file": FILE,
    "unknownMsgType": {"unknownMsgType": "something new"},
}
CARD_DATA = {"type": "actionCallback", "outTrackId": "card_1", "userId": "staff0001", "content": "{}"}
GRAPH_DATA = {"requestLine": {"method": "POST", "uri": "/v1.0/example"}, "headers": {}, "body": "{}"}

SHAPES: dict[str, Callable[[DingTalkSimulator], AbstractContextManager[None]]] = {
    "binary": DingTalkSimulator.sending_binary,
    "fragments": DingTalkSimulator.fragmenting,
}


async def say_everything(dingtalk: DingTalkSimulator) -> list[Pushed]:
    """Every kind of message, directly and in a group, two events, and two callbacks of cards and plug-ins."""
    pushed = []
    for conversation in (None, "cidTEAM"):
        for msgtype, content in CONTENTS.items():
            changes = {"msgtype": msgtype, "content": content} if content else {}
            pushed.append(await dingtalk.say("大家好 👋", conversation=conversation, changes=changes))
    pushed.append(dingtalk.event("user_add_org", {"userId": ["staff0007"]}))
    pushed.append(dingtalk.push(CARD_DATA, topic=CARD))
    pushed.append(dingtalk.push(GRAPH_DATA, topic=GRAPH))
    return pushed


@pytest.mark.parametrize("compression", [False, True])
async def test_every_kind_of_message_is_received_and_acknowledged(sdk: str, compression: bool) -> None:
    async with open_stage(compression=compression) as stage, stage.bot(sdk) as bot:
        await stage.connected()
        pushed = await say_everything(stage.dingtalk)
        await bot.wait_said("got", times=len(pushed))
        for each in pushed:
            await stage.dingtalk.wait_acked(each)
        records = [stage.dingtalk.ledger.record(each) for each in pushed]
        heard = bot.heard()
        assert [opened(heard[record.deliveries[0].message_id]) for record in records] == [
            json.loads(each.letter.data) for each in pushed
        ]
        assert [[ack.verdict for ack in record.acks] for record in records] == [["accepted"]] * len(pushed)
        assert stage.dingtalk.ledger.faults == []


@pytest.mark.parametrize("shape", SHAPES)
async def test_frames_of_any_shape_are_received(sdk: str, shape: str) -> None:
    async with open_stage() as stage, stage.bot(sdk):
        await stage.connected()
        with SHAPES[shape](stage.dingtalk):
            for each in await say_everything(stage.dingtalk):
                await stage.dingtalk.wait_acked(each)
        assert stage.dingtalk.ledger.faults == []


async def test_what_was_not_acknowledged_comes_again_until_it_is(sdk: str) -> None:
    async with open_stage(rules=Rules(redeliver_after=1.0)) as stage, stage.bot(sdk) as bot:
        await stage.connected()
        settled, never = await stage.dingtalk.say("bot: silent 2"), await stage.dingtalk.say("bot: silent 99")
        await stage.dingtalk.wait_acked(settled)
        ledger = stage.dingtalk.ledger
        seen = len(ledger.record(never).deliveries)
        await stage.dingtalk.wait_until(lambda: len(ledger.record(never).deliveries) > seen + 2)

        record = ledger.record(settled)
        ids = [delivery.message_id for delivery in record.deliveries]
        assert len(ids) == len(set(ids)) == 3, "two without an acknowledgement, one with it, and then no more"
        assert [ack.message_id for ack in record.acks] == ids[2:]
        heard = bot.heard()
        assert [opened(heard[message_id]) for message_id in ids] == [json.loads(settled.letter.data)] * 3


async def test_an_event_that_is_put_off_comes_again(sdk: str) -> None:
    async with open_stage(rules=Rules(redeliver_after=1.0)) as stage, stage.bot(sdk):
        await stage.connected()
        pushed = stage.dingtalk.event("come_later", {"userId": ["staff0007"]})
        await stage.dingtalk.wait_acked(pushed)
        first, second = stage.dingtalk.ledger.record(pushed).acks
        assert first.verdict == {"python": "refused", "node": "later"}[sdk]
        assert second.verdict == "accepted"


@pytest.mark.parametrize("conversation", [None, "cidTEAM"])
async def test_a_reply_through_the_session_webhook_arrives(sdk: str, conversation: str | None) -> None:
    async with open_stage() as stage, stage.bot(sdk) as bot:
        await stage.connected()
        pushed = await stage.dingtalk.say("bot: reply", conversation=conversation)
        await stage.dingtalk.wait_replied(pushed)
        await stage.dingtalk.wait_acked(pushed)
        assert await bot.wait_said("replied") == {"errcode": 0, "errmsg": "ok"}
        (sent,) = stage.dingtalk.sent
        assert (sent.via, sent.text, sent.answers) == ("webhook", "pong", pushed)
        assert stage.dingtalk.rest.calls[OLD_TOKEN] == {"python": 0, "node": 1}[sdk]
        assert stage.dingtalk.ledger.faults == []


async def test_a_webhook_that_ended_is_reported(sdk: str) -> None:
    async with open_stage(rules=Rules(session_life=1e-6)) as stage, stage.bot(sdk) as bot:
        await stage.connected()
        pushed = await stage.dingtalk.say("bot: reply")
        assert (await bot.wait_said("replied"))["errcode"] == 300001
        assert stage.dingtalk.rest.calls[WEBHOOK] == 1
        assert stage.dingtalk.ledger.record(pushed).replies == ()


def opened(data: Any) -> Any:
    """The data as an object: the Node SDK gives its users the text."""
    return json.loads(data) if isinstance(data, str) else data

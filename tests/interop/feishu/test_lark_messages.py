"""What people say to a bot on one of Feishu's SDKs, what it answers, and what comes again."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.interop.feishu.stage import Stage, open_stage, rules_for
from trio_bridge.platforms.feishu.gateway.fragments import Fragments
from trio_bridge.platforms.feishu.gateway.ledger import Pushed
from trio_bridge.platforms.feishu.gateway.model import Rules

pytestmark = [pytest.mark.interop, pytest.mark.parametrize("sdk", ["python", "node"])]

POST = {
    "title": "周报",
    "content": [[{"tag": "text", "text": "看 "}, {"tag": "a", "href": "https://x", "text": "链接"}]],
}
KINDS: dict[str, dict[str, Any] | str] = {
    "post": POST,
    "image": {"image_key": "img_v3_0001"},
    "file": {"file_key": "file_v3_0002", "file_name": "报告 (1).pdf"},
    "audio": {"file_key": "file_v3_0003", "duration": 4200},
    "media": {"file_key": "file_v3_0004", "image_key": "img_v3_0004", "file_name": "a.mp4", "duration": 61000},
    "sticker": {"file_key": "file_v3_0005"},
    "location": {"name": "杭州市", "longitude": "120.19", "latitude": "30.26"},
    "merge_forward": "Merged and Forwarded Message",
}
SPLIT = Fragments(parts=3, order=(2, 0, 1))


async def say_everything(stage: Stage) -> list[Pushed]:
    """Every kind of message, alone and in a group, in both schemas, whole and in pieces."""
    pushed = []
    for conversation in (None, "oc_team"):
        pushed.append(await stage.feishu.say("大家好 👋", conversation=conversation))
        pushed.append(await stage.feishu.say("大家好 👋", conversation=conversation, schema="1.0"))
        for kind, content in KINDS.items():
            pushed.append(await stage.feishu.send(kind, content, conversation=conversation))
    with stage.feishu.fragmenting(SPLIT):
        for more in range(3):
            pushed.append(await stage.feishu.say("片" * (500 + more)))
    return pushed


def cuts_a_character(pushed: Pushed) -> bool:
    """Whether a piece can't be read alone."""
    chunks = [piece.chunk for piece in SPLIT.pieces(pushed.letter.data)]
    return any(chunk.decode(errors="ignore").encode() != chunk for chunk in chunks)


def as_given(pushed: Pushed) -> dict[str, Any]:
    """What a handler is given of it: the message, or of the older schema the event.

    The SDK for Node lays the whole over the event there, and both have a type.
    """
    event: dict[str, Any] = json.loads(pushed.letter.data)["event"]
    return {name: value for name, value in event.get("message", event).items() if name != "type"}


async def test_everything_is_received_and_acknowledged(sdk: str) -> None:
    async with open_stage(rules_for(sdk)) as stage, stage.bot(sdk) as bot:
        await stage.connected()
        pushed = await say_everything(stage)
        assert any(map(cuts_a_character, pushed[-3:])), "wherever the text begins"
        for each in pushed:
            await stage.feishu.wait_acked(each)
        await bot.wait_said("got", times=len(pushed))
        heard = bot.heard()
        for each in pushed:
            given, sent = heard[each.key], as_given(each)
            assert {name: given.get(name) for name in sent} == sent
        assert [stage.verdicts(each) for each in pushed] == [["accepted"]] * len(pushed)

        press = await stage.feishu.press("om_card", {"cmd": "approve", "id": 7})
        assert (press.code, press.toast) == (0, "ok 好")
        preview = await stage.feishu.preview("https://example.com/page")
        assert (preview.code, preview.answer) == (0, {"inline": {"title": "a page"}})
        await bot.wait_said("got", times=len(pushed) + 2)
        heard = bot.heard()
        assert heard[press.pushed.key] == {"cmd": "approve", "id": 7}
        assert heard[preview.pushed.key] == "https://example.com/page"
        assert stage.faults() == []


async def test_what_is_not_taken_comes_again(sdk: str) -> None:
    """A handler that fails, one that takes too long, and an event for which there is none."""
    async with open_stage(rules_for(sdk, ack_within=1.0, ladder=(0.2,))) as stage, stage.bot(sdk) as bot:
        await stage.connected()
        feishu, ledger = stage.feishu, stage.feishu.ledger
        failed, unknown = await feishu.say("boom"), feishu.event("im.chat.updated_v1", {"chat_id": "oc_team"})
        await feishu.wait_until(lambda: ledger.record(failed).given_up)
        assert stage.verdicts(failed) == ["refused", "refused"]
        if sdk == "python":
            await feishu.wait_until(lambda: ledger.record(unknown).given_up)
        assert stage.verdicts(unknown) == {"python": ["refused", "refused"], "node": ["accepted"]}[sdk]

        slow = await feishu.say("slow")
        await feishu.wait_until(lambda: len(ledger.record(slow).acks) == 2)
        assert stage.verdicts(slow) == ["late", "late"]
        first, second = ledger.record(slow).deliveries
        assert first.message_id != second.message_id
        await bot.wait_said("key", lambda key: key == slow.key, times=2)  # one event, handled twice
        assert stage.faults() == []


async def test_what_comes_with_the_answer_to_the_upgrade(sdk: str) -> None:
    """The SDK for Node begins to listen too late: it is deaf to that, and to its redelivery it is not."""
    rules = Rules(rounded_log_ids=sdk == "node", ack_within=1.0, ladder=(0.3,))
    async with open_stage(rules) as stage:
        early = [await stage.feishu.say(f"early {number}") for number in range(5)]
        async with stage.bot(sdk):
            for each in early:
                await stage.feishu.wait_acked(each)
        deliveries = [len(stage.feishu.ledger.record(each).deliveries) for each in early]
        assert deliveries == [{"python": 1, "node": 2}[sdk]] * len(early)
        assert stage.faults() == []

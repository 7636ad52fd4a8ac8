"""What the table of features promises of messages, by whole accounts. Most rows are proved where their subject is."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.feishu.account_stage import EPOCH, hearing, simulated
from trio_bridge.feishu import Extracted
from trio_bridge.messages import Message

KINDS: dict[str, tuple[Mapping[str, Any] | str, str, tuple[str, ...]]] = {
    "post": ({"title": "Plan", "content": [[{"tag": "text", "text": "soon"}]]}, "Plan\nsoon", ()),
    "image": ({"image_key": "img_1"}, "", ("image",)),
    "file": ({"file_key": "file_1", "file_name": "plan.pdf"}, "", ("file",)),
    "audio": ({"file_key": "file_2", "duration": 4200}, "", ("audio",)),
    "media": ({"file_key": "file_3", "image_key": "img_2", "file_name": "a.mp4", "duration": 1}, "", ("video",)),
    "sticker": ({"file_key": "file_4"}, "", ("image",)),
    "interactive": ({"title": "Bill", "elements": [[{"tag": "text", "text": "100"}]]}, "Bill\n100", ()),
    "location": ({"name": "Hangzhou", "longitude": "120.19", "latitude": "30.26"}, "Hangzhou", ()),
    "merge_forward": ("Merged and Forwarded Message", "[merge_forward]", ()),
    "vote": ({"topic": "tea?"}, "[vote]", ()),
    "of_tomorrow": ({}, "[of_tomorrow]", ()),
}


@pytest.mark.parametrize(("stale_after", "heard"), [(1800.0, ["just in time"]), (0.0, ["too late", "just in time"])])
async def test_row_14_what_is_too_old_when_it_comes_is_passed_over(
    stale_after: float, heard: list[str], autojump_clock: MockClock
) -> None:
    texts: list[str] = []
    async with simulated() as feishu, feishu.open_account(hearing(texts), stale_after=stale_after) as account:
        for text, age in (("too late", 1810), ("just in time", 1790)):
            said_at = f"{(EPOCH + trio.current_time() - age) * 1000:.0f}"
            pushed = await feishu.say(text, changes={"event": {"message": {"create_time": said_at}}})
            await feishu.wait_acked(pushed)
        await trio.sleep(1)
        assert texts == heard
        assert account.counters.gated == 2 - len(heard)
        assert feishu.ledger.summary().redelivered == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_row_15_every_kind_of_message_is_heard(kind: str, autojump_clock: MockClock) -> None:
    content, text, attachments = KINDS[kind]
    heard: list[Message] = []

    async def hear(message: Message) -> None:
        heard.append(message)

    async with simulated() as feishu, feishu.open_account(hear):
        await feishu.wait_acked(await feishu.send(kind, content))
        await trio.sleep(1)
    [message] = heard
    assert text in message.text
    assert tuple(attachment.kind for attachment in message.attachments) == attachments
    assert Extracted(message.raw).degraded == (kind in ("merge_forward", "vote", "of_tomorrow"))


@pytest.mark.parametrize("debug", [False, True])
async def test_row_15_texts_are_logged_with_debug_alone(
    debug: bool, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with simulated() as feishu, feishu.open_account(hearing([]), debug=debug):
        await feishu.wait_acked(await feishu.say("canary of somebody"))
        await trio.sleep(1)
    lines = [json.dumps(vars(record), default=str) for record in caplog.records]
    assert any("canary of somebody" in line for line in lines) == debug

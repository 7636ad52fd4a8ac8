"""Feishu's SDKs as webhooks: what our simulator calls them with they understand, and what they let pass besides."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio

from tests.interop.feishu.stage import Stage, open_stage
from tests.interop.processes import Peer
from trio_bridge.feishu import webhook
from trio_bridge.messages import Message
from trio_bridge.opening import open_account
from trio_bridge.platforms.feishu.gateway.ledger import Pushed
from trio_bridge.platforms.feishu.gateway.model import Rules
from trio_bridge.platforms.feishu.gateway.sealing import Seal
from trio_bridge.testing._feishu_events import merged
from trio_bridge.testing.feishu import SimulatedWebhook

pytestmark = pytest.mark.interop

both = pytest.mark.parametrize("sdk", ["python", "node"])

KEY, TOKEN = "kudryavka-encrypt-key", "vtok-1234567890"
LAST = "the last"

CALLS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "unsigned": {"signed": False},
    "other key": {"seal": Seal(encrypt_key="other", verification_token=TOKEN)},
    "other token": {"seal": Seal(encrypt_key=KEY, verification_token="other")},
    "an hour old": {"ago": 3600},
    "something behind it": {"tail": b"\n"},
}
HANDLED, REFUSED, LOST = (200, True), (500, False), (200, False)
LET_PASS = {
    "python": {
        "as it is": HANDLED,
        "unsigned": REFUSED,
        "other key": REFUSED,
        "other token": REFUSED,
        "an hour old": HANDLED,  # who has heard one call would have it for ever
        "something behind it": REFUSED,
    },
    "node": {
        "as it is": HANDLED,
        "unsigned": LOST,  # nobody is told, and so it is where Feishu writes a body otherwise than Node
        "other key": REFUSED,
        "other token": HANDLED,  # it never looks at the token
        "an hour old": HANDLED,
        "something behind it": HANDLED,  # it signs what it has read, and not what came
    },
    "ours": {
        "as it is": HANDLED,
        "unsigned": (401, False),
        "other key": (401, False),
        "other token": (403, False),
        "an hour old": (401, False),
        "something behind it": (401, False),
    },
}
"""With which status each call was answered, and whether a handler was called for it."""


@attrs.frozen
class Called:
    """A stage with a bot that is called."""

    stage: Stage
    bot: Peer
    hook: SimulatedWebhook


@asynccontextmanager
async def open_called(sdk: str, key: str = KEY) -> AsyncGenerator[Called]:
    async with open_stage(Rules(ladder=(0.2,))) as stage, stage.peer(sdk, "webhook", key, TOKEN) as bot:
        url = f"http://127.0.0.1:{await bot.wait_said('port')}/"
        async with stage.feishu.webhook(url, encrypt_key=key, verification_token=TOKEN) as hook:
            yield Called(stage, bot, hook)


@both
@pytest.mark.parametrize("key", [KEY, ""], ids=["sealed", "plain"])
async def test_events_and_presses_are_received_and_answered(sdk: str, key: str) -> None:
    async with open_called(sdk, key) as called:
        feishu, bot = called.stage.feishu, called.bot
        reply = await called.hook.verify()
        assert (reply.status, reply.json()) == (200, {"challenge": "ajls384kdjx98XX"})
        said = [await feishu.say("大家好 👋"), await feishu.say("大家好 👋", schema="1.0")]
        for pushed in said:
            await feishu.wait_acked(pushed)
        press = await feishu.press("om_card", {"cmd": "approve"})
        assert (press.code, press.toast) == (0, "ok 好")
        await bot.wait_said("got", times=3)
        assert set(bot.said("key")) == {*(pushed.key for pushed in said), press.pushed.key}
        assert called.stage.faults() == []


@both
async def test_what_fails_is_called_for_again(sdk: str) -> None:
    async with open_called(sdk) as called:
        failed = await called.stage.feishu.say("boom")
        await called.stage.feishu.wait_until(lambda: called.stage.feishu.ledger.record(failed).given_up)
        assert called.stage.verdicts(failed) == ["refused", "refused"]


@both
async def test_what_they_let_pass_and_what_not(sdk: str) -> None:
    async with open_called(sdk) as called:
        said, bot = await called.stage.feishu.say("hello"), called.bot
        statuses = await answers(called.hook, said)
        await bot.wait_said("key", lambda key: key == LAST)
        handled = bot.said("key")
    assert {name: (status, name in handled) for name, status in statuses.items()} == LET_PASS[sdk]


async def test_what_we_let_pass_and_what_not() -> None:
    handled, done = [], trio.Event()

    async def hear(message: Message) -> None:
        handled.append(message.id.removeprefix("om_"))
        if message.id == f"om_{LAST}":
            done.set()

    keys = {"encrypt_key": KEY, "verification_token": TOKEN}
    async with open_stage() as stage, open_account(stage.config(mode="webhook", listen="", **keys), hear) as account:
        await account.wait_ready()
        async with stage.feishu.webhook(webhook(account), **keys) as hook:
            statuses = await answers(hook, await stage.feishu.say("hello"))
            await done.wait()
    assert {name: (status, name in handled) for name, status in statuses.items()} == LET_PASS["ours"]


async def answers(hook: SimulatedWebhook, said: Pushed) -> dict[str, int]:
    """With which status each call was answered. Behind them there is one more, which is as it is."""

    def event(name: str) -> dict[str, Any]:
        changes = {"header": {"event_id": name}, "event": {"message": {"message_id": f"om_{name}"}}}
        return merged(json.loads(said.letter.data), changes)

    statuses = {name: (await hook.call(event(name), **how)).status for name, how in CALLS.items()}
    await hook.call(event(LAST))
    return statuses

"""What the calls of Feishu's SDKs come to at the simulator, and how they differ from ours."""

from __future__ import annotations

import pytest

from tests.interop.feishu.calls import Calls, calls, differences
from tests.interop.feishu.differences import meant
from tests.interop.feishu.stage import APP, SECRET, open_stage
from trio_bridge.messages import Message
from trio_bridge.opening import open_account
from trio_bridge.platforms.feishu.gateway.cards import CREATE, SETTINGS, STREAM
from trio_bridge.platforms.feishu.gateway.files import DOWNLOAD, UPLOAD_FILE, UPLOAD_IMAGE
from trio_bridge.platforms.feishu.gateway.ledger import Pushed
from trio_bridge.platforms.feishu.gateway.messages import EDIT, PATCH, READ, RECALL, REPLY, SEND
from trio_bridge.platforms.feishu.gateway.rest import BOT
from trio_bridge.platforms.feishu.gateway.tokens import TOKEN

pytestmark = [pytest.mark.interop, pytest.mark.parametrize("sdk", ["python", "node"])]

CALLS = {
    TOKEN: 1,
    SEND: 6,
    REPLY: 1,
    EDIT: 1,
    READ: 1,
    PATCH: 1,
    RECALL: 1,
    UPLOAD_IMAGE: 1,
    UPLOAD_FILE: 1,
    DOWNLOAD: 1,
    CREATE: 1,
    STREAM: 2,
    SETTINGS: 1,
    BOT: 1,
}


async def test_every_call_of_a_bot_is_carried_out(sdk: str) -> None:
    async with open_stage() as stage:
        asked = await stage.feishu.say("hello")
        arguments = (stage.feishu.url, APP, SECRET, "oc_team", asked.letter.message_id)
        async with stage.peer(sdk, "rest", *arguments) as client:
            client.may_end = True
            await client.wait_said("done")
        rest = stage.feishu.rest
        assert rest.calls == CALLS
        assert {line["code"] for line in client.lines if "call" in line} == {0}
        assert client.said("same") == [True, True], "a uuid is sent once, and a picture comes back as it was"
        assert client.said("seen") == ['{"text":"edited"}']
        assert [sent.text for sent in rest.repeated] == ["你好 hi"]
        sent = {each.uuid: each for each in stage.feishu.sent}
        assert {uuid: each.text for uuid, each in sent.items() if uuid != "u-4"} == {
            "u-1": "edited",
            "u-2": "pong",
            "u-3": "2",
            "u-5": "Hello",
            "u-6": "t\na post",
        }
        assert sent["u-2"].answers == asked
        assert stage.faults() == []
        theirs = calls(stage.tap, paths(asked))
    assert differences(sdk, await our_calls(), theirs) == meant(sdk, "token", "send", "reply")


async def our_calls() -> Calls:
    async with open_stage() as stage:
        async with open_account(stage.config(reply_mode="text", quote="always"), say_pong) as account:
            asked = await stage.feishu.say("hello")
            await stage.feishu.wait_replied(asked)
            await (await account.send("oc_team", "你好 hi")).wait_sent()
        return calls(stage.tap, paths(asked))


async def say_pong(message: Message) -> str:
    return "pong"


def paths(asked: Pushed) -> dict[str, str]:
    """Of the calls of which there is one of ours for each of theirs."""
    messages = SEND.partition(" ")[2]
    return {
        "token": TOKEN.partition(" ")[2],
        "send": messages,
        "reply": f"{messages}/{asked.letter.message_id}/reply",
    }

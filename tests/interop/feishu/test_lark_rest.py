"""What the calls of Feishu's SDKs come to at the simulator."""

from __future__ import annotations

import pytest

from tests.interop.feishu.stage import APP, SECRET, open_stage
from trio_bridge.platforms.feishu.gateway.cards import CREATE, SETTINGS, STREAM
from trio_bridge.platforms.feishu.gateway.files import DOWNLOAD, UPLOAD_FILE, UPLOAD_IMAGE
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

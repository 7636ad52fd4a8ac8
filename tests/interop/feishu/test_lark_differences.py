"""What our client sends, beside what Feishu's SDKs send: the same but for the differences that are meant."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.interop.comparing import Difference, facts, unequal
from tests.interop.feishu.differences import MEANT
from tests.interop.feishu.recorded import recording
from tests.interop.feishu.stage import APP, SECRET, Stage, open_stage, rules_for
from tests.interop.wiretap import Request
from trio_bridge.feishu import CardAction, CardUpdate
from trio_bridge.messages import Message
from trio_bridge.opening import open_account
from trio_bridge.platforms.feishu.gateway.doorkeeper import PATH, SOCKET_PATH
from trio_bridge.platforms.feishu.gateway.frames import CONTROL, decode
from trio_bridge.platforms.feishu.gateway.model import Rules

pytestmark = [pytest.mark.interop, pytest.mark.parametrize("sdk", ["python", "node"])]


async def hear(message: Message) -> None:
    if message.text == "boom":
        raise RuntimeError("boom, as told")


async def answer_press(action: CardAction) -> CardUpdate:
    return CardUpdate(toast="ok 好")


def meant(sdk: str, *places: str) -> set[Difference]:
    return {each for each in MEANT if each.sdk == sdk and each.where.startswith(places)}


# Acknowledgements.


async def test_acknowledgements(sdk: str) -> None:
    then = recording(sdk)
    async with open_stage(Rules(ladder=())) as stage:
        async with open_account(stage.config(on_card_action=answer_press), hear):
            connection = await stage.connected()
            ours = await stage.play(connection, then.shown, len(then.acks))
            assert set(stage.received(CONTROL)) == {then.ping}, "the ping is that of both SDKs, byte for byte"
        assert stage.faults() == []
    found = set()
    for name, frame in then.shown.items():
        mine, other = summary(frame, ours.get(name)), summary(frame, then.acks.get(name))
        if mine != other:
            found.add(Difference(sdk, f"answer: {name.removesuffix('_delivered')}", mine, other))
    assert found == meant(sdk, "answer")


def summary(shown: bytes, answer: bytes | None) -> str:
    """An acknowledgement in a few words: its payload, and what of the frame is not repeated."""
    if answer is None:
        return "nothing"
    sent, ack = decode(shown), decode(answer)
    added = [name for name, _ in ack.headers[len(sent.headers) :]]
    assert (ack.seq_id, ack.service, ack.method) == (sent.seq_id, sent.service, sent.method)
    assert (ack.headers[: len(sent.headers)], ack.log_id_new) == (sent.headers, sent.log_id_new)
    said = (ack.payload or b"").decode()
    data = json.loads(said).get("data")
    if data is not None:
        said = said.replace(data, base64.b64decode(data).decode())
    return ", ".join([said, *added, *(["LogID rounded"] if ack.log_id != sent.log_id else [])])


# Calls.


async def test_calls(sdk: str) -> None:
    async with open_stage() as stage:
        async with open_account(stage.config(reply_mode="text", quote="always"), say_pong) as account:
            asked = await stage.feishu.say("hello")
            await stage.feishu.wait_replied(asked)
            await (await account.send("oc_team", "你好 hi")).wait_sent()
        ours = calls(stage, asked.letter.message_id)
    async with open_stage(rules_for(sdk)) as stage:
        async with stage.bot(sdk):
            await stage.connected()
            asked = await stage.feishu.say("hello")
            arguments = (stage.feishu.url, APP, SECRET, "oc_team", asked.letter.message_id)
            async with stage.peer(sdk, "rest", *arguments) as client:
                client.may_end = True
                await client.wait_said("done")
        theirs = calls(stage, asked.letter.message_id)
    found = {
        Difference(sdk, f"{place}: {name}", mine, other)
        for place in ours
        for name, mine, other in unequal(ours[place], theirs[place])
    }
    assert found == meant(sdk, *ours)


async def say_pong(message: Message) -> str:
    return "pong"


def calls(stage: Stage, message_id: str) -> dict[str, dict[str, Any]]:
    """What a client says in a call of each kind: in the first of them."""
    paths = {
        "discovery": PATH,
        "upgrade": SOCKET_PATH,
        "token": "/open-apis/auth/v3/tenant_access_token/internal",
        "send": "/open-apis/im/v1/messages",
        "reply": f"/open-apis/im/v1/messages/{message_id}/reply",
    }
    return {kind: said_in(stage.tap.requests(path)[0]) for kind, path in paths.items()}


def said_in(request: Request) -> dict[str, Any]:
    """The facts of a call, and how its body is written. Tokens and uuids have to be there; they differ each time."""
    found = facts(request)
    passing = {name: "…" for name in ("header authorization", "uuid") if found.get(name)}
    if request.body:
        found["body"] = "compact" if request.body == compact(json.loads(request.body)) else "with spaces"
    return found | passing


def compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

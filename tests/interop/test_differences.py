"""What our client sends, beside what the official SDKs send: the same but for the differences that are meant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.interop.comparing import Difference, facts, unequal
from tests.interop.differences import MEANT
from tests.interop.recorded import EXPECTED, FRAMES, Recorded, recorded
from tests.interop.stage import APP, SECRET, Stage, open_stage
from trio_bridge.messages import Message
from trio_bridge.opening import open_account
from trio_bridge.platforms.dingtalk.gateway.model import Rules
from trio_bridge.platforms.dingtalk.gateway.rest import OPEN, WEBHOOK
from trio_bridge.testing._dingtalk_server import SOCKET_PATH

pytestmark = [pytest.mark.interop, pytest.mark.parametrize("sdk", ["python", "node"])]

NEVER_AGAIN = Rules(redeliver_after=None)
ROTATING = [name for name, expect in EXPECTED.items() if expect.get("kind") == "disconnect"]


async def pong(message: Message) -> str | None:
    return "pong" if message.text == "bot: reply" else None


def meant(sdk: str, *places: str) -> set[Difference]:
    return {each for each in MEANT if each.sdk == sdk and each.where.startswith(places)}


# Answers to frames.


async def test_answers(sdk: str) -> None:
    ours, theirs = await our_answers(), await their_answers(sdk)
    found = set()
    for name, frame in FRAMES.items():
        kind = EXPECTED[name].get("kind", "broken")
        end = recorded(sdk, "full")[name]
        mine = summary(frame, ours[name])
        other = summary(frame, theirs.get(name, end.acks)) + ending(end)
        if mine != other:
            found.add(Difference(sdk, f"answer: {kind}", mine, other))
        elif sdk == "node":
            assert ours[name] == theirs[name], "byte for byte"
    assert found == meant(sdk, "answer")


async def our_answers() -> dict[str, list[str]]:
    """What our client answers to each frame. Its acknowledgements wait for a disk, so that only the ids tell."""
    async with open_stage(rules=NEVER_AGAIN) as stage:
        async with open_account(stage.dingtalk.config(client_id=APP, client_secret=SECRET), pong):
            connection = await stage.connected()
            for name in FRAMES.keys() - ROTATING:
                connection.push_frame(FRAMES[name])
            await stage.dingtalk.wait_acked(await stage.dingtalk.say("the last"))
            for name in ROTATING:
                connection.push_frame(FRAMES[name])
            last = connection.ping()
            await stage.dingtalk.wait_until(lambda: last.answered_at is not None)
            texts = stage.tap.sockets[0].texts
    by_id = {json.loads(text)["headers"]["messageId"]: text for text in texts}
    return {name: [by_id[key]] if (key := id_in(frame)) in by_id else [] for name, frame in FRAMES.items()}


async def their_answers(sdk: str) -> dict[str, list[str]]:
    """What the SDK answers to each frame that it survives."""
    async with open_stage(rules=NEVER_AGAIN) as stage, stage.bot(sdk):
        survived = {name: FRAMES[name] for name, each in recorded(sdk, "full").items() if not each.ends_the_client}
        return await stage.play(await stage.connected(), survived)


def summary(frame: str, answers: list[str]) -> str:
    """The answers in a few words: code, message, what of the headers, and the data."""
    return " and ".join(one_summary(frame, json.loads(text)) for text in answers) or "nothing"


def one_summary(frame: str, answer: dict[str, Any]) -> str:
    sent = read(frame)
    sent = sent if isinstance(sent, dict) else {}
    headers = "id" if answer["headers"].keys() == {"contentType", "messageId"} else "no id"
    if answer["headers"] == sent.get("headers") and len(answer["headers"]) > 2:
        headers = "all headers"
    data = json.dumps(read(answer["data"]), separators=(",", ":"))
    if answer["data"] == sent.get("data"):
        data = "echo"
    elif read(answer["data"]) == read(sent.get("data")):
        data = "echo, written anew"
    return f"{answer['code']} {answer['message']}, {headers}, {data}"


def ending(end: Recorded) -> str:
    if end.close_code is not None:
        return f", closes with {end.close_code}"
    return ", its process ends" if end.exit_status is not None else ""


def read(text: object) -> Any:
    """What a JSON text says; the text itself if it says nothing."""
    try:
        return json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return text


def id_in(frame: str) -> str | None:
    match read(frame):
        case {"headers": {"messageId": str(message_id)}} | {"header": {"messageId": str(message_id)}}:
            return message_id
    return None


# Calls.


async def test_calls(sdk: str) -> None:
    async with open_stage() as stage:
        config = stage.dingtalk.config(client_id=APP, client_secret=SECRET)
        async with open_account(config, pong):
            ours = await calls(stage)
    async with open_stage() as stage, stage.bot(sdk, "robot_only"):
        theirs = await calls(stage)
    found = {
        Difference(sdk, f"{place}: {name}", mine, other)
        for place in ours
        for name, mine, other in unequal(ours[place], theirs[place])
    }
    assert found == meant(sdk, *ours)


async def calls(stage: Stage) -> dict[str, dict[str, Any]]:
    """What the next client says in a call of each kind."""
    await stage.connected()
    for conversation in (None, "cidTEAM"):
        await stage.dingtalk.wait_replied(await stage.dingtalk.say("bot: reply", conversation=conversation))
    (opening,), (upgrade,) = stage.tap.requests(OPEN), stage.tap.requests(SOCKET_PATH)
    reply, group_reply = stage.tap.requests(WEBHOOK)
    return {
        "open": facts(opening),
        "upgrade": facts(upgrade),
        "reply": facts(reply),
        "group reply": json.loads(group_reply.body),
    }

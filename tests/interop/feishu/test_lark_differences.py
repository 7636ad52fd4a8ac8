"""How our client comes in and acknowledges, beside Feishu's SDKs: the same but for the differences that are meant."""

from __future__ import annotations

import base64
import json

import pytest

from tests.interop.comparing import Difference
from tests.interop.feishu.calls import calls, differences
from tests.interop.feishu.differences import meant
from tests.interop.feishu.recorded import recording
from tests.interop.feishu.stage import open_stage, rules_for
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


# Connecting.


async def test_connecting(sdk: str) -> None:
    paths = {"discovery": PATH, "upgrade": SOCKET_PATH}
    async with open_stage() as stage, open_account(stage.config()):
        await stage.connected()
        ours = calls(stage.tap, paths)
    async with open_stage(rules_for(sdk)) as stage, stage.bot(sdk):
        await stage.connected()
        theirs = calls(stage.tap, paths)
    assert differences(sdk, ours, theirs) == meant(sdk, *paths)

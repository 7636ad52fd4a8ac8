"""What Feishu's SDKs answer to every recorded frame when it is our simulator that sends it, and its verdict on that."""

from __future__ import annotations

import pytest

from tests.interop.feishu.recorded import recording, steady
from tests.interop.feishu.stage import open_stage
from trio_bridge.platforms.feishu.gateway.doorkeeper import PATH
from trio_bridge.platforms.feishu.gateway.frames import CONTROL
from trio_bridge.platforms.feishu.gateway.model import Rules

pytestmark = [pytest.mark.interop, pytest.mark.parametrize("sdk", ["python", "node"])]


async def test_every_frame_is_answered_as_it_was_when_recorded(sdk: str) -> None:
    then = recording(sdk)
    async with open_stage(Rules(early=False, ladder=())) as stage, stage.bot(sdk, "recorded"):
        connection = await stage.connected()
        acks = await stage.play(connection, then.shown, len(then.acks))
        assert set(stage.received(CONTROL)) == {then.ping}
        (discovery,) = stage.tap.requests(PATH)
        assert (discovery.header("user-agent") or "").endswith(then.version)
        faults = stage.faults()
    assert {name: steady(ack) for name, ack in acks.items()} == {
        name: steady(ack) for name, ack in then.acks.items()
    }, "byte for byte, but for the milliseconds"
    assert set(faults) == ({("ack_differs", "LogID")} if sdk == "node" else set()), "numbers of Node are rounded"

"""Bots of another platform are managed like those of Feishu."""

from __future__ import annotations

from typing import Any

import trio
from trio.testing import MockClock

from tests.manager.reception import open_reception
from tests.platforms.feishu.account_stage import LONGEST, wall
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.transport.memory import MemoryNetwork


async def test_a_bot_on_dingtalk_says_where_it_is_and_where_it_failed(autojump_clock: MockClock) -> None:
    with trio.fail_after(LONGEST):
        async with DingTalkSimulator(network=MemoryNetwork(), wall=wall) as cloud:
            world: Any = cloud
            async with open_reception(world, cloud.config("a", owner="ann", enabled=True)) as there:
                await there.post("a/disconnect")
                with cloud.hanging_open_calls():
                    await there.post("a/connect")
                    await trio.sleep(1)
                    assert (await there.status("a"))["phase"] == "discovering"
                await there.post("a/disconnect")
                with cloud.refusing_upgrades(500):
                    await there.post("a/connect")
                    await trio.sleep(0.1)
                    assert (await there.status("a"))["last_error"]["where"] == "handshake"
                code, status = await there.post("a/connect?wait=10")
                assert (code, status["channel"], status["state"]) == (200, "dingtalk", "connected")
                cloud.drop_connections("rst")
                await trio.sleep(0.1)
                assert (await there.status("a"))["last_error"]["where"] == "stream"
                code, status = await there.post("a/disconnect")
                assert (code, status["state"]) == (200, "disconnected")
                assert not cloud.connections

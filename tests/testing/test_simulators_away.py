"""A simulator that is away is gone as a process is that was killed, and what was said meanwhile waits."""

from __future__ import annotations

import attrs
import pytest
import trio
from trio.testing import MockClock

from trio_bridge.errors import HandshakeFailed
from trio_bridge.messages import Message
from trio_bridge.platforms.dingtalk.gateway.model import Rules
from trio_bridge.testing import DingTalkSimulator, FeishuSimulator
from trio_bridge.transport.memory import MemoryNetwork


async def echo(message: Message) -> str:
    return message.text


@pytest.mark.parametrize("platform", ["dingtalk", "feishu"])
async def test_nobody_is_there_while_it_is_away(platform: str, autojump_clock: MockClock) -> None:
    network = MemoryNetwork()
    simulator: DingTalkSimulator | FeishuSimulator
    if platform == "dingtalk":
        simulator = DingTalkSimulator(network=network, rules=Rules(keep_offline=True))
    else:
        simulator = FeishuSimulator(network=network)
    async with simulator, simulator.open_account(echo) as account:
        port = int(simulator.url.rpartition(":")[2])
        assert await simulator.ask("before") == "before"
        async with simulator.away():
            assert not simulator.connections
            pushed = await simulator.say("meanwhile")
            with pytest.raises(HandshakeFailed):
                await network.connect_tcp("127.0.0.1", port)
            await trio.sleep(10)
            assert account.state != "ready"
            assert simulator.opened[0].closed_by_client is None  # and nobody said goodbye to it
            assert not simulator.ledger.record(pushed).deliveries
        await simulator.wait_replied(pushed)
        assert await simulator.ask("after") == "after"
        await trio.sleep(100)
        assert len(simulator.opened) == 2
        summary = attrs.asdict(simulator.ledger.summary())
        assert (summary["pushed"], summary["answered"], summary["answered_twice"], summary["faults"]) == (3, 3, 0, 0)


@pytest.mark.parametrize("platform", ["dingtalk", "feishu"])
async def test_it_may_be_away_on_a_real_port(platform: str) -> None:
    async with DingTalkSimulator() if platform == "dingtalk" else FeishuSimulator() as simulator:
        port = int(simulator.url.rpartition(":")[2])
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with simulator.away():
            assert await stream.receive_some() == b""
            with pytest.raises(OSError, match=r"."):
                await trio.open_tcp_stream("127.0.0.1", port)
        await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
        await stream.aclose()

"""An account's own proxy: everything that the account connects to is reached through it, and nothing of others."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.platforms.dingtalk.stage import Listener, simulated
from tests.transport.servers import forwarding
from trio_bridge.config import Secret
from trio_bridge.engine.hosts import Hosts
from trio_bridge.engine.platform import Services
from trio_bridge.errors import AccountRefused
from trio_bridge.stores.memory import MemoryStore

OLD_WAYS = {"ALL_PROXY": "http://nowhere.example:1", "HTTPS_PROXY": "http://nowhere.example:1", "NO_PROXY": ""}


async def test_row_2_calls_and_connection_of_one_account_go_through_its_proxy_and_of_the_other_do_not(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in OLD_WAYS.items():
        monkeypatch.setenv(name, value)
    heads: list[bytes] = []
    async with simulated() as stage, forwarding(stage.network, heads, host="proxy.example") as port:
        configs = [
            stage.dingtalk.config("sales", proxy=f"http://me:s3cret@proxy.example:{port}"),
            stage.dingtalk.config("support", proxy="none"),
        ]
        async with stage.bridge(configs, Listener()) as bridge:
            for config in configs:
                await bridge.account(config.name).wait_ready()
            mine = len(heads)
            pushed = await stage.dingtalk.say("hi", client_id=configs[0].client_id)
            await stage.dingtalk.wait_replied(pushed)
            others = await stage.dingtalk.say("hi", client_id=configs[1].client_id)
            await stage.dingtalk.wait_replied(others)
            assert mine == 2  # the open call and the WebSocket
            assert len(heads) == 3  # and the answer
            expected = b"CONNECT " + stage.dingtalk.url.removeprefix("http://").encode()
            assert all(head.startswith(expected) for head in heads)
            with trio.fail_after(30):
                await bridge.stop("sales")


async def test_a_proxy_that_wants_credentials_quarantines_the_account_without_showing_what_it_has(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 407 Who are you\r\n\r\n")

    async with simulated() as stage, trio.open_nursery() as nursery:
        listener = await stage.network.listen_tcp("proxy.example", 3128)
        nursery.start_soon(trio.serve_listeners, refuse, [listener])
        async with stage.account(proxy="http://me:s3cret@proxy.example:3128") as account:
            with pytest.raises(AccountRefused, match=r"proxy proxy\.example:3128 wants credentials") as refused:
                await account.wait_ready()
        nursery.cancel_scope.cancel()
    assert refused.value.kind == "misconfigured"
    assert "s3cret" not in caplog.text + repr(account.config)


async def test_a_check_goes_the_same_way(autojump_clock: MockClock) -> None:
    heads: list[bytes] = []
    async with simulated() as stage, forwarding(stage.network, heads, host="proxy.example") as port:
        config = stage.dingtalk.config("sales", proxy=Secret(text=f"http://me:s3cret@proxy.example:{port}"))
        store = await MemoryStore().open_account("sales", platform="dingtalk")
        hosts = Hosts(stage.environment)
        async with config.open_platform(Services.of(config, stage.environment, store)) as platform:
            findings = await platform.check(hosts)
        assert {finding.verdict for finding in findings} == {"ok"}
    (name, of_host), *_ = hosts.findings.items()
    assert name == f"{stage.dingtalk.url} (its own proxy)"
    assert of_host[0].text == f"through the proxy proxy.example:{port}, as the account says"
    assert len(heads) == 4  # two looks at hosts, the ticket and the token

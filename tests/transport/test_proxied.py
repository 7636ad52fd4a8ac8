"""A network behind a proxy of its own: WebSocket and HTTP go through it, whatever the environment says."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.transport.servers import forwarding, serving
from trio_bridge.errors import AccountRefused, ConfigError, HandshakeFailed
from trio_bridge.transport.client import open_websocket
from trio_bridge.transport.http import open_http_client
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.proxied import LoggedNetwork, ProxiedNetwork
from trio_bridge.transport.public import PublicNetwork
from trio_bridge.transport.server import AcceptWebsocket, HttpRequest, HttpResponse, ServerWebsocket
from trio_bridge.transport.urls import Endpoint
from trio_bridge.transport.wirelog import WireLog
from trio_bridge.wire.redaction import Redactor


async def handler(request: HttpRequest) -> HttpResponse | AcceptWebsocket:
    async def greet(websocket: ServerWebsocket) -> None:
        await websocket.send_batch(["hello"])

    return AcceptWebsocket(greet) if "upgrade" in request.headers else HttpResponse(body=b"hello")


async def test_everything_goes_through_it_also_what_is_on_this_machine(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://elsewhere.example:1")
    monkeypatch.setenv("NO_PROXY", "*")
    heads: list[bytes] = []
    async with serving(network, handler) as port, forwarding(network, heads, host="proxy.example") as proxy:
        subject = ProxiedNetwork(network, lambda: f"http://me:s3cret@proxy.example:{proxy}")
        async with open_websocket(f"ws://127.0.0.1:{port}/", network=subject) as websocket:
            assert await websocket.receive_batch() == ["hello"]
        async with open_http_client(network=subject) as http:
            assert (await http.request("GET", f"http://127.0.0.1:{port}/")).body == b"hello"
    assert [head.split(b"\r\n")[0] for head in heads] == [b"CONNECT 127.0.0.1:%d HTTP/1.1" % port] * 2
    assert all(b"Proxy-Authorization: Basic " in head for head in heads)


async def test_without_one_the_environment_is_not_asked(
    network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://elsewhere.example:1")
    network.honours_proxies = True  # type: ignore[misc]
    async with serving(network, handler, host="chat.example") as port:
        url = f"ws://chat.example:{port}/"
        async with open_websocket(url, network=ProxiedNetwork(network, lambda: None), allow_insecure=True) as websocket:
            assert await websocket.receive_batch() == ["hello"]
        with pytest.raises(HandshakeFailed, match=r"elsewhere\.example"):
            await open_websocket(url, network=network, allow_insecure=True).__aenter__()


async def test_it_is_asked_for_anew_each_time(network: MemoryNetwork) -> None:
    said: list[str | None] = ["http://gone.example:1", None]
    subject = ProxiedNetwork(network, lambda: said.pop(0))
    async with serving(network, handler) as port:
        with pytest.raises(HandshakeFailed, match=r"gone\.example"):
            await subject.connect_tcp("127.0.0.1", port)
        (await subject.connect_tcp("127.0.0.1", port)).close()  # type: ignore[attr-defined]


async def test_what_is_wrong_with_it_is_said_without_its_password(network: MemoryNetwork) -> None:
    def gone() -> str:
        raise ConfigError("secret file proxy: No such file or directory")

    with pytest.raises(ConfigError, match="No such file"):
        async with open_http_client(network=ProxiedNetwork(network, gone)) as http:
            await http.request("GET", "http://127.0.0.1/")
    subject = ProxiedNetwork(network, lambda: "socks5://me:s3cret@proxy.example:1080")
    with pytest.raises(AccountRefused, match="only http: proxies") as refused:
        await subject.connect_tcp("chat.example", 443)
    assert "s3cret" not in str(refused.value)


async def test_it_listens_and_looks_up_like_the_network_behind(network: MemoryNetwork) -> None:
    subject = ProxiedNetwork(network, lambda: "http://proxy.example:1")
    listener = await subject.listen_tcp("127.0.0.1", 0)
    assert subject.port_of(listener) == network.port_of(listener)
    assert await subject.look_up("127.0.0.1", 1) == await network.look_up("127.0.0.1", 1)
    await trio.aclose_forcefully(listener)


async def test_a_network_with_a_log_is_otherwise_the_network_behind(network: MemoryNetwork) -> None:
    log = WireLog({}, Redactor())
    direct, through = LoggedNetwork(network, log), LoggedNetwork(ProxiedNetwork(network, lambda: "http://p:1"), log)
    endpoint = Endpoint("https", "chat.example", 443)
    assert (direct.is_proxied(endpoint), through.is_proxied(endpoint)) == (False, True)
    assert PublicNetwork(through, lambda host, port: True).log is through.log is log
    assert network.log is None

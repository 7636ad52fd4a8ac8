"""The proxy that the environment names is used by WebSocket and HTTP alike, and what it says is understood."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trustme
from trio.testing import MockClock

from tests.transport.servers import read_head, serving, speaking
from trio_bridge.errors import AccountRefused, HandshakeFailed, NotSent
from trio_bridge.transport.client import open_websocket
from trio_bridge.transport.http import open_http_client
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.server import AcceptWebsocket, HttpRequest, HttpResponse, ServerWebsocket
from trio_bridge.transport.tcp import SystemNetwork


class ProxiedNetwork(MemoryNetwork):
    """A memory network behind the environment's proxy."""

    honours_proxies = True


async def handler(request: HttpRequest) -> HttpResponse | AcceptWebsocket:
    async def greet(websocket: ServerWebsocket) -> None:
        await websocket.send_batch(["hello"])

    return AcceptWebsocket(greet) if "upgrade" in request.headers else HttpResponse(body=b"hello")


@asynccontextmanager
async def proxy_to(port: int, heads: list[bytes]) -> AsyncIterator[int]:
    """A proxy that takes everybody to the same place, whatever they asked for."""

    async def pump(source: trio.abc.HalfCloseableStream, sink: trio.abc.HalfCloseableStream) -> None:
        async for data in source:
            await sink.send_all(data)
        await sink.send_eof()

    async def tunnel(stream: trio.abc.HalfCloseableStream) -> None:
        heads.append(await read_head(stream))
        async with await trio.open_tcp_stream("127.0.0.1", port) as onward:
            await stream.send_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pump, stream, onward)
                nursery.start_soon(pump, onward, stream)

    async with speaking(SystemNetwork(), tunnel) as proxy_port:
        yield proxy_port


async def test_websocket_and_http_go_through_the_proxy(
    authority: trustme.CA, ca_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads: list[bytes] = []
    network = SystemNetwork()
    async with (
        serving(network, handler, tls=authority.issue_cert("chat.example")) as port,
        proxy_to(port, heads) as proxy_port,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss@127.0.0.1:{proxy_port}")
        async with open_websocket("wss://chat.example/", network=network, ca_file=ca_file) as websocket:
            assert await websocket.receive_batch() == ["hello"]
        async with open_http_client(network=network, ca_file=ca_file) as http:
            assert (await http.request("GET", "https://chat.example:8443/")).body == b"hello"
    credentials = base64.b64encode(b"me:p@ss")
    for head, place in zip(heads, (b"chat.example:443", b"chat.example:8443"), strict=True):
        assert head.startswith(b"CONNECT " + place + b" HTTP/1.1\r\nHost: " + place + b"\r\n")
        assert b"\r\nProxy-Authorization: Basic " + credentials + b"\r\n" in head


async def test_no_proxy_goes_past_it(monkeypatch: pytest.MonkeyPatch) -> None:
    network = ProxiedNetwork()
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "chat.example")
    async with serving(network, handler, host="chat.example") as port:
        url = f"ws://chat.example:{port}/"
        async with open_websocket(url, network=network, allow_insecure=True) as websocket:
            assert await websocket.receive_batch() == ["hello"]


@asynccontextmanager
async def answering_proxy(monkeypatch: pytest.MonkeyPatch, answer: bytes) -> AsyncIterator[ProxiedNetwork]:
    network = ProxiedNetwork()

    async def talk(stream: trio.abc.HalfCloseableStream) -> None:
        if await read_head(stream):
            await stream.send_all(answer)
        if answer == b"HANG":
            await trio.sleep_forever()

    async with speaking(network, talk, host="proxy.example") as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:s3cret@proxy.example:{port}")
        yield network
        assert network.connections == []


async def test_407_needs_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    async with answering_proxy(monkeypatch, b"HTTP/1.1 407 Who are you\r\n\r\n") as network:
        with pytest.raises(AccountRefused, match=r"proxy proxy\.example:\d+ wants credentials") as refused:
            await open_websocket("wss://chat.example/", network=network).__aenter__()
        assert refused.value.kind == "misconfigured"
        async with open_http_client(network=network) as http:
            with pytest.raises(AccountRefused, match="wants credentials"):
                await http.request("GET", "https://chat.example/")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", 502),
        (b"HTTP/1.1 403 Forbidden\r\n\r\n", 403),
        (b"", None),
        (b"SSH-2.0-OpenSSH\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\n\r\nearly words", None),
    ],
)
async def test_what_else_a_proxy_says_may_pass(
    monkeypatch: pytest.MonkeyPatch, answer: bytes, status: int | None
) -> None:
    async with answering_proxy(monkeypatch, answer) as network:
        with pytest.raises(HandshakeFailed, match=r"proxy proxy\.example:\d+.*\S") as failed:
            await open_websocket("wss://chat.example/", network=network).__aenter__()
        assert (failed.value.stage, failed.value.status) == ("proxy", status)
        async with open_http_client(network=network) as http:
            with pytest.raises(NotSent, match=r"proxy\.example"):
                await http.request("POST", "https://chat.example/")


async def test_a_proxy_that_hangs_is_left_after_10_seconds(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    async with answering_proxy(monkeypatch, b"HANG") as network:
        begun = trio.current_time()
        with pytest.raises(HandshakeFailed, match="no answer within 10 s"):
            await open_websocket("wss://chat.example/", network=network).__aenter__()
        assert trio.current_time() - begun == 10
        await trio.testing.wait_all_tasks_blocked()
        network.connections[0].server.close()  # the proxy hangs on with its end


async def test_a_proxy_that_dies_is_a_lost_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    network = ProxiedNetwork()

    async def die(stream: trio.abc.HalfCloseableStream) -> None:
        await read_head(stream)
        network.connections[0].break_()

    async with speaking(network, die, host="proxy.example") as port:
        monkeypatch.setenv("ALL_PROXY", f"proxy.example:{port}")
        with pytest.raises(HandshakeFailed) as failed:
            await open_websocket("wss://chat.example/", network=network).__aenter__()
        assert failed.value.stage == "proxy"


async def test_a_proxy_of_another_kind_is_named(network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://me:s3cret@proxy.example:1080")
    with pytest.raises(AccountRefused, match="a proxy of kind 'socks5'") as refused:
        await open_websocket("wss://chat.example/", network=ProxiedNetwork()).__aenter__()
    assert "s3cret" not in str(refused.value)


async def test_a_host_that_cannot_be_asked_for_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    async with answering_proxy(monkeypatch, b"") as network:
        with pytest.raises(HandshakeFailed, match="proxy"):
            await open_websocket("wss://chat example/", network=network).__aenter__()
        await trio.testing.wait_all_tasks_blocked()


async def test_a_network_in_memory_knows_no_proxies(network: MemoryNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.example:3128")
    with pytest.raises(HandshakeFailed, match=r"connecting to chat\.example:443"):
        await open_websocket("wss://chat.example/", network=network).__aenter__()


async def test_an_address_of_6_words_is_written_in_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    network = ProxiedNetwork()
    heads: list[bytes] = []

    async def refuse(stream: trio.abc.HalfCloseableStream) -> None:
        heads.append(await read_head(stream))
        await stream.send_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")

    async with speaking(network, refuse, host="proxy.example") as port:
        monkeypatch.setenv("ALL_PROXY", f"proxy.example:{port}")
        with pytest.raises(HandshakeFailed):
            await open_websocket("wss://[2001:db8::1]/", network=network).__aenter__()
    assert heads[0].startswith(b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\n")

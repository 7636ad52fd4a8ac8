"""What a host shows to somebody who only knocks."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from pathlib import Path

import pytest
import trio
import trustme
from trio.testing import MockClock

from tests.transport.servers import read_head, serving, speaking
from trio_bridge.errors import AccountRefused, HandshakeFailed
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.reach import Reached, reach
from trio_bridge.transport.server import HttpRequest, HttpResponse
from trio_bridge.transport.tcp import SystemNetwork
from trio_bridge.transport.tls import CertificateFault, CertificateRefused
from trio_bridge.transport.urls import Endpoint, address_of

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


async def test_a_host_in_the_clear_tells_the_time_and_is_left(network: MemoryNetwork) -> None:
    async def answer(request: HttpRequest) -> HttpResponse:
        assert (request.method, request.target) == ("HEAD", "/")
        return HttpResponse(404, [("Date", formatdate(1_790_000_000, usegmt=True))])

    async with serving(network, answer) as port:
        reached = await reach(Endpoint("http", "127.0.0.1", port), network=network, ca_file=None)
        await trio.testing.wait_all_tasks_blocked()
        assert network.connections == []
    assert reached == Reached(date=1_790_000_000)


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH_9.6\r\n\r\n", b"HTTP/1.1 200 OK\r\nDate: yesterday\r\n\r\n"])
async def test_a_host_without_a_clock_is_there_all_the_same(network: MemoryNetwork, said: bytes) -> None:
    async def talk(stream: trio.abc.HalfCloseableStream) -> None:
        await read_head(stream)
        await stream.send_all(said)
        await stream.send_eof()

    async with speaking(network, talk) as port:
        assert await reach(Endpoint("http", "127.0.0.1", port), network=network, ca_file=None) == Reached()


async def test_silence_is_waited_out_for_five_seconds(autojump_clock: MockClock, network: MemoryNetwork) -> None:
    async def say_nothing(stream: trio.abc.HalfCloseableStream) -> None:
        async for _ in stream:
            pass

    async with speaking(network, say_nothing) as port:
        begun = trio.current_time()
        assert await reach(Endpoint("http", "127.0.0.1", port), network=network, ca_file=None) == Reached()
        assert trio.current_time() - begun == 5


async def test_a_host_of_websockets_is_not_asked_anything(network: MemoryNetwork) -> None:
    heard = b"nobody came"

    async def listen(stream: trio.abc.HalfCloseableStream) -> None:
        nonlocal heard
        heard = bytes(await stream.receive_some())

    async with speaking(network, listen) as port:
        await reach(Endpoint("ws", "127.0.0.1", port), network=network, ca_file=None)
        await trio.testing.wait_all_tasks_blocked()
    assert heard == b""


async def test_a_certificate_says_how_long_it_is_good(authority: trustme.CA, ca_file: Path) -> None:
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=9)
    certificate = authority.issue_cert("localhost", not_after=end)
    network = SystemNetwork()

    async def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    async with serving(network, answer, tls=certificate) as port:
        reached = await reach(Endpoint("https", "localhost", port), network=network, ca_file=ca_file)
    assert reached.tls.startswith("TLSv1.")
    assert reached.expires_at == end.timestamp()
    assert reached.date is not None


@pytest.mark.parametrize(
    ("host", "pinned", "start", "end", "fault"),
    [
        ("localhost", True, LONG_AGO, LONG_AGO + timedelta(days=9), "expired"),
        ("localhost", True, datetime(2090, 1, 1, tzinfo=UTC), datetime(2091, 1, 1, tzinfo=UTC), "too_early"),
        ("chat.example", True, None, None, "other_host"),
        ("localhost", False, None, None, "unknown_issuer"),
    ],
)
async def test_a_certificate_that_is_refused_says_why(
    authority: trustme.CA,
    ca_file: Path,
    host: str,
    pinned: bool,
    start: datetime | None,
    end: datetime | None,
    fault: CertificateFault,
) -> None:
    network = SystemNetwork()
    async with serving(network, _never, tls=authority.issue_cert(host, not_before=start, not_after=end)) as port:
        with pytest.raises(CertificateRefused) as refused:
            await reach(Endpoint("wss", "localhost", port), network=network, ca_file=ca_file if pinned else None)
    assert (refused.value.fault, refused.value.host, refused.value.code) == (fault, "localhost", "certificate")


async def test_a_certificate_that_signed_itself(authority: trustme.CA, ca_file: Path) -> None:
    """The authority's own certificate, shown by a server, to a client that trusts nobody we know."""
    network = SystemNetwork()
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    chain = ca_file.with_name("chain.pem")
    chain.write_bytes(authority.private_key_pem.bytes() + authority.cert_pem.bytes())
    own.load_cert_chain(chain)
    listener = await network.listen_tcp("127.0.0.1", 0)

    async def greet(stream: trio.abc.HalfCloseableStream) -> None:
        secured = trio.SSLStream(stream, own, server_side=True)
        with pytest.raises(trio.BrokenResourceError):
            await secured.do_handshake()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, greet, [listener])
        with pytest.raises(CertificateRefused) as refused:
            await reach(Endpoint("wss", "localhost", network.port_of(listener)), network=network, ca_file=None)
        nursery.cancel_scope.cancel()
    assert refused.value.fault == "self_signed"


async def _never(request: HttpRequest) -> HttpResponse:
    raise AssertionError("nobody was to get this far")


async def test_the_stage_that_failed_is_named(network: MemoryNetwork) -> None:
    with pytest.raises(HandshakeFailed) as failed:
        await reach(Endpoint("http", "127.0.0.1", 9), network=network, ca_file=None)
    assert failed.value.stage == "tcp"


@pytest.mark.parametrize(
    ("proxy", "address"),
    [
        ("http://user:password@squid.example:3128", Endpoint("http", "squid.example", 3128)),
        ("http://squid.example", Endpoint("http", "squid.example", 80)),
    ],
)
def test_where_a_proxy_is(proxy: str, address: Endpoint) -> None:
    assert address_of(proxy) == address


@pytest.mark.parametrize("proxy", ["http://user:password@squid:port", "http://[", "socks5://squid:1080", "http://:1"])
def test_a_proxy_that_nobody_can_reach_is_refused_without_its_password(proxy: str) -> None:
    with pytest.raises(AccountRefused) as refused:
        address_of(proxy)
    assert refused.value.kind == "misconfigured"
    assert "password" not in str(refused.value)

"""Certificates are verified, always and for each connection by itself."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
import trustme
from trio.testing import MockClock

from tests.transport.servers import serving, speaking
from trio_bridge.errors import AccountRefused, HandshakeFailed
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.server import HttpRequest, HttpResponse
from trio_bridge.transport.tcp import SystemNetwork
from trio_bridge.transport.tls import open_stream, ssl_context
from trio_bridge.transport.urls import Endpoint


async def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse(body=b"hello")


@asynccontextmanager
async def secure_server(certificate: trustme.LeafCert) -> AsyncIterator[int]:
    async with serving(SystemNetwork(), hello, tls=certificate) as port:
        yield port


async def visit(port: int, context: ssl.SSLContext, host: str = "localhost") -> bytes:
    stream = await open_stream(Endpoint("https", host, port), network=SystemNetwork(), context=context)
    async with stream:
        await stream.send_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return b"".join([bytes(piece) async for piece in stream])


async def test_a_pinned_authority_is_trusted(authority: trustme.CA, ca_file: Path) -> None:
    async with secure_server(authority.issue_cert("localhost")) as port:
        assert (await visit(port, ssl_context(ca_file))).endswith(b"hello")


async def test_the_servers_own_certificate_can_be_pinned(authority: trustme.CA, tmp_path: Path) -> None:
    certificate = authority.issue_cert("localhost")
    pinned = tmp_path / "gateway.pem"
    certificate.cert_chain_pems[0].write_to_path(pinned)
    async with secure_server(certificate) as port:
        assert (await visit(port, ssl_context(pinned))).endswith(b"hello")


async def test_an_authority_that_nobody_knows_is_refused(authority: trustme.CA) -> None:
    async with secure_server(authority.issue_cert("localhost")) as port:
        with pytest.raises(AccountRefused, match=r"localhost was not accepted: .*issuer.* option ca_file") as refused:
            await visit(port, ssl_context())
    assert refused.value.kind == "misconfigured"


async def test_pinning_leaves_every_other_context_as_it_was(authority: trustme.CA, ca_file: Path) -> None:
    async with secure_server(authority.issue_cert("localhost")) as port:
        await visit(port, ssl_context(ca_file))
        with pytest.raises(AccountRefused):
            await visit(port, ssl_context())
        with pytest.raises(ssl.SSLCertVerificationError):
            await trio.to_thread.run_sync(ssl_connect_by_other_means, port)
    for context in (ssl_context(), ssl_context(ca_file), ssl.create_default_context()):
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname


def ssl_connect_by_other_means(port: int) -> None:
    import socket

    with socket.create_connection(("127.0.0.1", port)) as sock:
        ssl.create_default_context().wrap_socket(sock, server_hostname="localhost")


async def test_another_host_is_refused(authority: trustme.CA, ca_file: Path) -> None:
    async with secure_server(authority.issue_cert("chat.example")) as port:
        with pytest.raises(AccountRefused, match="localhost was not accepted: Hostname mismatch"):
            await visit(port, ssl_context(ca_file))


async def test_an_expired_certificate_is_refused(authority: trustme.CA, ca_file: Path) -> None:
    expired = authority.issue_cert(
        "localhost", not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=datetime(2021, 1, 1, tzinfo=UTC)
    )
    async with secure_server(expired) as port:
        with pytest.raises(AccountRefused, match="has expired"):
            await visit(port, ssl_context(ca_file))


async def test_only_the_pinned_certificates_are_trusted(ca_file: Path) -> None:
    assert ssl_context(ca_file).cert_store_stats()["x509"] == 1


async def test_contexts_are_shared_until_the_file_changes(ca_file: Path) -> None:
    assert ssl_context() is ssl_context()
    before = ssl_context(ca_file)
    assert ssl_context(ca_file) is before
    trustme.CA().cert_pem.write_to_path(ca_file)
    os.utime(ca_file, ns=(1, 1))
    assert ssl_context(ca_file) is not before


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_file_that_pins_nothing_is_refused(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(AccountRefused, match=r"ca_file .*ca\.pem: .") as refused:
        ssl_context(path)
    assert refused.value.kind == "misconfigured"


async def handshake_with(network: MemoryNetwork, port: int) -> HandshakeFailed:
    with pytest.raises(HandshakeFailed) as failed:
        await open_stream(Endpoint("wss", "127.0.0.1", port), network=network, context=ssl_context())
    assert failed.value.stage == "tls"
    return failed.value


async def test_a_handshake_that_stalls_is_left_after_10_seconds(
    network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    async def say_nothing(stream: trio.abc.Stream) -> None:
        async for _ in stream:
            pass

    async with speaking(network, say_nothing) as port:
        begun = trio.current_time()
        assert "no answer within 10 s" in str(await handshake_with(network, port))
        assert trio.current_time() - begun == 10
        await trio.testing.wait_all_tasks_blocked()
        assert network.connections == []


async def test_what_is_not_tls_is_no_question_of_certificates(network: MemoryNetwork) -> None:
    async def speak_http(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await stream.receive_some()

    async with speaking(network, speak_http) as port:
        assert "wrong version number" in str(await handshake_with(network, port))


async def test_a_peer_that_hangs_up_in_the_handshake(network: MemoryNetwork) -> None:
    async def hang_up(stream: trio.abc.Stream) -> None:
        await stream.receive_some()

    async with speaking(network, hang_up) as port:
        assert "the peer hung up" in str(await handshake_with(network, port))


async def test_a_reset_in_the_handshake(network: MemoryNetwork) -> None:
    async def break_(stream: trio.abc.Stream) -> None:
        await stream.receive_some()
        network.connections[0].break_()

    async with speaking(network, break_) as port:
        assert "TLS with 127.0.0.1" in str(await handshake_with(network, port))

"""A gateway behind TLS, over real sockets: whom an account trusts, and what it says to nobody else."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from ssl import PROTOCOL_TLS_SERVER, SSLContext

import pytest
import trio
import trustme

import trio_bridge as tb
from trio_bridge.testing.openclaw import OpenClawSimulator

PATIENCE = 30.0
CONNECT = b"CONNECT gateway.example:443 HTTP/1.1\r\n"


async def _forward(onward_to: int, stream: trio.abc.Stream) -> None:
    """Everything that either side says is said to the other."""
    onward = await trio.open_tcp_stream("127.0.0.1", onward_to)

    async def pump(source: trio.abc.Stream, sink: trio.abc.Stream) -> None:
        try:
            async for data in source:
                await sink.send_all(data)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # one side is gone, and so is the other
        both.cancel_scope.cancel()

    async with stream, onward, trio.open_nursery() as both:
        both.start_soon(pump, stream, onward)
        both.start_soon(pump, onward, stream)


@asynccontextmanager
async def behind_tls(gateway: OpenClawSimulator, certificate: trustme.LeafCert) -> AsyncGenerator[int]:
    """Within the block the gateway is reached by TLS, too, at the port that is yielded."""
    context = SSLContext(PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)

    async def serve(stream: trio.SocketStream) -> None:
        secured = trio.SSLStream(stream, context, server_side=True)
        try:
            await secured.do_handshake()
        except trio.BrokenResourceError:
            return  # the client trusts somebody else
        await _forward(int(gateway.url.rpartition(":")[2]), secured)

    async with served(serve) as port:
        yield port


@asynccontextmanager
async def proxy_to(onward_to: int, heads: list[bytes]) -> AsyncGenerator[int]:
    """Within the block a proxy takes everybody there, wherever they want to go."""

    async def serve(stream: trio.SocketStream) -> None:
        heads.append(await stream.receive_some())
        await stream.send_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await _forward(onward_to, stream)

    async with served(serve) as port:
        yield port


@asynccontextmanager
async def served(serve: Callable[[trio.SocketStream], Awaitable[None]]) -> AsyncGenerator[int]:
    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def test_a_pinned_gateway_lets_us_in_and_its_token_is_used_again(authority: trustme.CA, ca_file: Path) -> None:
    with trio.fail_after(PATIENCE):
        async with (
            OpenClawSimulator(seed=1) as gateway,
            behind_tls(gateway, authority.issue_cert("localhost")) as port,
            gateway.open_account(url=f"wss://localhost:{port}", ca_file=ca_file) as account,
        ):
            async with account.api.chat("main", "hello") as run:
                assert await run.finish() == "you said hello"
            gateway.drop_connections()
            await gateway.wait_until(lambda: len(gateway.asked_for("connect")) == 2)
            await account.wait_ready()
            hello = account.api.hello
            assert hello is not None
            shown = [asked.params["auth"] for asked in gateway.asked_for("connect")]
    assert shown == [{"token": gateway.token}, {"token": gateway.token, "deviceToken": hello.device_token}]


@pytest.mark.parametrize(
    ("host", "pinned", "why"),
    [("localhost", False, "issuer"), ("gateway.example", True, "Hostname mismatch")],
    ids=["unknown authority", "another host"],
)
async def test_a_stranger_is_told_nothing(
    host: str, pinned: bool, why: str, authority: trustme.CA, ca_file: Path
) -> None:
    with trio.fail_after(PATIENCE):
        async with (
            OpenClawSimulator() as gateway,
            behind_tls(gateway, authority.issue_cert(host)) as port,
            tb.open_account(
                gateway.config(url=f"wss://localhost:{port}", ca_file=ca_file if pinned else None)
            ) as account,
        ):
            with pytest.raises(tb.AccountRefused, match=why) as refused:
                await account.wait_ready()
            assert refused.value.kind == "misconfigured"
            assert gateway.asked_for("connect") == []


async def test_a_gateway_is_reached_through_the_proxy_of_its_account(authority: trustme.CA, ca_file: Path) -> None:
    heads: list[bytes] = []
    with trio.fail_after(PATIENCE):
        async with (
            OpenClawSimulator() as gateway,
            behind_tls(gateway, authority.issue_cert("gateway.example")) as port,
            proxy_to(port, heads) as proxy_port,
            gateway.open_account(
                url="wss://gateway.example", ca_file=ca_file, proxy=f"http://127.0.0.1:{proxy_port}"
            ) as account,
            account.api.chat("main", "hello") as run,
        ):
            assert await run.finish() == "you said hello"
    assert [head[: len(CONNECT)] for head in heads] == [CONNECT]


async def test_in_the_clear_nothing_is_said_to_another_machine() -> None:
    async with tb.open_account(tb.OpenClaw(name="gateway", url="ws://gateway.example", token="hush")) as account:
        with trio.fail_after(PATIENCE), pytest.raises(tb.AccountRefused, match="allow_insecure") as refused:
            await account.wait_ready()
    assert refused.value.kind == "misconfigured"

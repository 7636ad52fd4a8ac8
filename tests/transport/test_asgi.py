"""An application on a real port. What the applications of ours say is tested without one."""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import trio

from trio_bridge.errors import AccountRefused
from trio_bridge.transport import asgi
from trio_bridge.transport.asgi import Receive, Scope, Send, serve_asgi

HOST = "127.0.0.1"
PATIENCE = 10
"""Real seconds for what takes milliseconds."""

Act = Callable[[], Awaitable[None]]


class Hello:
    """Says hello after it has done something."""

    def __init__(self, act: Act = trio.lowlevel.checkpoint, *, before_the_end: Act = trio.lowlevel.checkpoint) -> None:
        self.act = act
        self.body = b"hello"
        self.before_the_end = before_the_end
        self.called = trio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            while True:
                await send({"type": f"{(await receive())['type']}.complete"})
                await self.before_the_end()
        self.called.set()
        await self.act()
        length = str(len(self.body)).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", length)]})
        await send({"type": "http.response.body", "body": self.body})


async def ask(port: int, *, host: str = HOST) -> bytes:
    stream = await trio.open_tcp_stream(host, port)
    async with stream:
        await stream.send_all(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        return b"".join([piece async for piece in stream])


async def test_it_answers_within_the_block_and_not_after() -> None:
    with trio.fail_after(PATIENCE):
        async with serve_asgi(Hello(), HOST, 0) as port:
            answer = await ask(port)
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"hello")
        assert b"server:" not in answer.lower()
        with pytest.raises(OSError, match="all attempts to connect"):
            await ask(port)


async def test_an_address_that_is_taken_is_named() -> None:
    with trio.fail_after(PATIENCE):
        async with serve_asgi(Hello(), HOST, 0) as port:
            with pytest.raises(AccountRefused, match=f"another account, listens at {HOST}:{port}") as refusal:
                async with serve_asgi(Hello(), HOST, port):
                    pytest.fail("it was let in")
    assert refusal.value.kind == "misconfigured"
    assert refusal.value.probe == asgi.BUSY_PROBE


async def test_an_address_of_another_machine_is_named() -> None:
    with trio.fail_after(PATIENCE):
        with pytest.raises(AccountRefused, match=r"can't listen at 192\.0\.2\.1:8712: ") as refusal:
            async with serve_asgi(Hello(), "192.0.2.1", 8712):
                pytest.fail("it was let in")
    assert refusal.value.probe is None


async def test_without_the_extra_it_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypercorn.trio", None)
    with pytest.raises(AccountRefused, match=r"pip install 'trio-bridge\[web\]'"):
        async with serve_asgi(Hello(), HOST, 0):
            pytest.fail("it was let in")


async def test_who_is_being_answered_is_answered_though_the_server_is_cancelled() -> None:
    going = trio.Event()
    hello = Hello(going.wait)
    answers = []

    async def visit(port: int) -> None:
        answers.append(await ask(port))

    async def wait_closed(port: int) -> None:
        with suppress(OSError):
            while True:
                await (await trio.open_tcp_stream(HOST, port)).aclose()
        going.set()

    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as visitors:
            with trio.CancelScope() as scope:
                async with serve_asgi(hello, HOST, 0) as port:
                    visitors.start_soon(visit, port)
                    await hello.called.wait()
                    visitors.start_soon(wait_closed, port)
                    scope.cancel()
                    await trio.sleep_forever()
    assert answers[0].endswith(b"hello")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that waits less when it ends."""
    monkeypatch.setattr(asgi, "GRACE", 0.05)
    monkeypatch.setattr(asgi, "CLOSING", 0.05)


async def test_nobody_holds_the_server_up(impatient: None) -> None:
    hello = Hello(trio.sleep_forever)
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as visitors:
            async with serve_asgi(hello, HOST, 0) as port:
                visitors.start_soon(ask, port)
                await hello.called.wait()
                idle = await trio.open_tcp_stream(HOST, port)
            await idle.aclose()
            visitors.cancel_scope.cancel()


async def test_a_caller_who_never_reads_does_not_hold_the_server_up(
    impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asgi, "UNREAD", 0.2)
    hello, ended = Hello(), trio.Event()
    hello.body = bytes(50_000_000)

    async def leave_at_last(deaf: trio.SocketStream) -> None:
        with trio.move_on_after(PATIENCE):
            await ended.wait()
        await deaf.aclose()

    async with trio.open_nursery() as visitors:
        async with serve_asgi(hello, HOST, 0) as port:
            deaf = await trio.open_tcp_stream(HOST, port)
            await deaf.send_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
            await hello.called.wait()
            visitors.start_soon(leave_at_last, deaf)
        assert deaf.socket.fileno() >= 0, "the server waited until the caller left"
        ended.set()


async def test_a_caller_of_http_2_who_says_nothing_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asgi, "KEPT", 0.1)
    with trio.fail_after(PATIENCE):
        async with serve_asgi(Hello(), HOST, 0) as port, await trio.open_tcp_stream(HOST, port) as silent:
            await silent.send_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\4" + bytes(5))
            assert b"".join([piece async for piece in silent])


async def test_an_application_that_will_not_end_is_left(impatient: None) -> None:
    with trio.fail_after(PATIENCE):
        async with serve_asgi(Hello(before_the_end=trio.sleep_forever), HOST, 0) as port:
            assert (await ask(port)).endswith(b"hello")


async def test_what_the_application_raises_is_logged_and_answered(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("a bug")

    with trio.fail_after(PATIENCE), caplog.at_level(logging.INFO):
        async with serve_asgi(Hello(fail), HOST, 0) as port:
            assert (await ask(port)).startswith(b"HTTP/1.1 500")
    [told] = [record for record in caplog.records if record.name.startswith(asgi.__name__)]
    assert "a bug" in str(told.exc_info)

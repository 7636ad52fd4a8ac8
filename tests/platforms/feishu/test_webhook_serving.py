"""The webhook on a real port, served by Hypercorn, and mounted in another application."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import trio

from tests.platforms.feishu.calls import Doorstep, Request, config, encrypted, event, names, signed, webhook
from trio_bridge.errors import AccountRefused
from trio_bridge.platforms.feishu.webhook.app import Webhook
from trio_bridge.platforms.feishu.webhook.serving import at_path, open_webhook

PATIENCE = 10
"""Real seconds for what takes milliseconds."""


@asynccontextmanager
async def heard(door: Doorstep) -> AsyncIterator[Webhook]:
    """A webhook that is heard on a port."""
    settings = config(listen="127.0.0.1:0")
    hook = webhook(settings)
    with trio.fail_after(PATIENCE):
        async with open_webhook(settings, hook, door):
            yield hook


async def post(port: int, body: bytes, *, path: str = "/feishu", chunked: bool = False) -> bytes:
    """The head and the body of an answer. Who is answered before he is through sends no more."""
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    lines = [f"POST {path} HTTP/1.1", "Host: here", "Connection: close", length]
    lines += [f"{name}: {value!s}" for name, value in signed(body).items()]
    head = "\r\n".join([*lines, "", ""]).encode()
    answer = bytearray()
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream, trio.open_nursery() as nursery:

        async def send() -> None:
            await stream.send_all(head)
            if not chunked:
                await stream.send_all(body)
                return
            for start in range(0, len(body), 50_000):
                piece = body[start : start + 50_000]
                await stream.send_all(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await stream.send_all(b"0\r\n\r\n")

        nursery.start_soon(_unless_closed, send)
        try:
            async for piece in stream:
                answer += piece
        except trio.BrokenResourceError:
            assert answer  # what was too large was not read to its end
        nursery.cancel_scope.cancel()
    return bytes(answer)


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
async def test_feishu_is_heard_on_a_port(chunked: bool, caplog: pytest.LogCaptureFixture) -> None:
    door, body = Doorstep(), encrypted(event("e1"))
    with caplog.at_level(logging.INFO):
        async with heard(door) as hook:
            assert hook.port is not None
            answer = await post(hook.port, body, chunked=chunked)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"\r\n\r\n{}")
    assert names(door.taken) == ["e1"]
    [told] = [record for record in caplog.records if record.message == "listening"]
    assert vars(told)["address"] == f"127.0.0.1:{hook.port}"


async def test_elsewhere_is_nothing() -> None:
    async with heard(Doorstep()) as hook:
        assert hook.port is not None
        assert (await post(hook.port, encrypted(event()), path="/feishu2")).startswith(b"HTTP/1.1 404")
        assert (await post(hook.port, encrypted(event()), path="/feishu/?x=1")).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("chunked", [False, True], ids=["whole", "chunked"])
async def test_what_is_too_large_is_answered_before_it_is_sent_and_leaves_nothing_behind(chunked: bool) -> None:
    async with heard(Doorstep()) as hook:
        assert hook.port is not None
        assert (await post(hook.port, b"x" * 20_000_000, chunked=chunked)).startswith(b"HTTP/1.1 413")
        assert (await post(hook.port, encrypted(event()))).startswith(b"HTTP/1.1 200")


async def test_at_the_root_is_a_path_too() -> None:
    door, body, hook = Doorstep(), encrypted(event("e1")), webhook()
    settings = config(path="/")
    assert settings.path == "/"
    request = Request([body], signed(body), path="/")
    with hook.opened(door):
        answered = await request.run(at_path(settings.path, hook))
    assert answered is not None
    assert answered.status == 200


@pytest.mark.parametrize(
    ("missing", "extra"),
    [("cryptography", "feishu"), ("hypercorn.trio", "web")],
)
async def test_a_library_that_is_missing_is_named_when_it_is_needed(
    missing: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    settings = config(listen="127.0.0.1:0")
    with pytest.raises(AccountRefused, match=rf"pip install 'trio-bridge\[{extra}\]'"):
        async with open_webhook(settings, webhook(settings), Doorstep()):
            pytest.fail("it opened")


async def test_what_is_not_needed_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for missing in ("cryptography", "hypercorn.trio"):
        monkeypatch.setitem(sys.modules, missing, None)
    settings = config(encrypt_key=None, allow_unencrypted=True)
    async with open_webhook(settings, webhook(settings), Doorstep()):
        pass


async def _unless_closed(send: Callable[[], Awaitable[None]]) -> None:
    with suppress(trio.BrokenResourceError):
        await send()

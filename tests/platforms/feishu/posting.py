"""Requests to a port of this machine, as they are on the wire."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import trio

from tests.platforms.feishu.calls import NOW, signed


async def get(port: int, path: str) -> bytes:
    """The head and the body of what is at a path."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(f"GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".encode())
        return b"".join([piece async for piece in stream])


async def post(port: int, body: bytes, *, path: str = "/feishu", chunked: bool = False, at: float = NOW) -> bytes:
    """The head and the body of an answer. Who is answered before he is through sends no more."""
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    lines = [f"POST {path} HTTP/1.1", "Host: here", "Connection: close", length]
    lines += [f"{name}: {value!s}" for name, value in signed(body, at=int(at)).items()]
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


async def _unless_closed(send: Callable[[], Awaitable[None]]) -> None:
    with suppress(trio.BrokenResourceError):
        await send()

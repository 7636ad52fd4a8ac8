"""The other side of :mod:`tests.crash.steps`: it delivers messages, and keeps the book of what was sent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import trio


class OtherSide:
    """A platform that delivers each message until it is acknowledged.

    Every text that was sent is in ``sent``, by its key. A platform with keys shows only the first of each.
    """

    def __init__(self, messages: Mapping[str, Mapping[str, str]]) -> None:
        self.unacked = {key: {"key": key, "id": key, **message} for key, message in messages.items()}
        self.sent: dict[str, list[str]] = {}
        self.port = 0
        self._clients = 0
        self._gone = trio.Event()

    async def wait_alone(self) -> None:
        """Return when everything that was sent here has arrived."""
        while self._clients:
            self._gone = trio.Event()
            await self._gone.wait()

    async def meet(self, client: trio.SocketStream) -> None:
        self._clients += 1
        try:
            async with client:
                rest = b""
                async for piece in client:
                    *lines, rest = (rest + piece).split(b"\n")
                    for line in lines:
                        await self._hear(line, client)
        except trio.BrokenResourceError:
            pass  # It was killed.
        finally:
            self._clients -= 1
            self._gone.set()

    async def _hear(self, line: bytes, client: trio.SocketStream) -> None:
        if line.startswith(b"ack "):
            self.unacked.pop(line.removeprefix(b"ack ").decode(), None)
            return
        match json.loads(line):
            case "connect":
                for message in self.unacked.values():
                    await client.send_all(json.dumps(message).encode() + b"\n")
            case key, text:
                self.sent.setdefault(key, []).append(text)
                await client.send_all(b"taken\n")


@asynccontextmanager
async def open_other_side(messages: Mapping[str, Mapping[str, str]]) -> AsyncIterator[OtherSide]:
    """An other side on loopback, while the block runs."""
    side = OtherSide(messages)
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    side.port = listener.socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, side.meet, [listener])
        yield side
        nursery.cancel_scope.cancel()

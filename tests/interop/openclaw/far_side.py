"""A way to a gateway that is not loopback to it, and on which everything that is sent to it can be seen."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import attrs
import trio

from trio_bridge.nurseries import open_background

SOMEBODY = "203.0.113.9"
"""An address of nobody."""


@attrs.define(eq=False)
class FarSide:
    """A forwarding proxy in front of a gateway."""

    gateway_port: int
    address: str
    """Whom the gateway takes everybody for who comes this way."""
    url: str = ""
    heads: list[str] = attrs.field(factory=list)
    """How each connection began, as the client wrote it."""

    async def forward(self, client: trio.SocketStream) -> None:
        async with client, await trio.open_tcp_stream("127.0.0.1", self.gateway_port) as gateway:
            first = await client.receive_some()
            self.heads.append(first.decode())
            line, _, rest = first.partition(b"\r\n")
            await gateway.send_all(line + f"\r\nX-Forwarded-For: {self.address}\r\n".encode() + rest)
            async with trio.open_nursery() as both:
                both.start_soon(_pass_on, client, gateway, both.cancel_scope)
                both.start_soon(_pass_on, gateway, client, both.cancel_scope)


@asynccontextmanager
async def open_far_side(port: int, *, address: str = SOMEBODY) -> AsyncGenerator[FarSide]:
    """It forwards while the block runs."""
    far = FarSide(port, address)
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    far.url = f"ws://127.0.0.1:{listener.socket.getsockname()[1]}"
    async with open_background("the far side is left") as nursery:
        nursery.start_soon(lambda: trio.serve_listeners(far.forward, [listener]))
        yield far


async def _pass_on(source: trio.SocketStream, target: trio.SocketStream, both: trio.CancelScope) -> None:
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        async for data in source:
            await target.send_all(data)
    both.cancel("one side has ended")

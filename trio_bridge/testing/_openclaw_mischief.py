"""What can go wrong at an OpenClaw Gateway, by name."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import trio

from ..platforms.openclaw.gateway.acts import Act
from ..platforms.openclaw.gateway.connection import ABNORMAL
from ..platforms.openclaw.gateway.gateway import Gateway
from ._manners import changed
from ._openclaw_server import OpenClawServer


class Mischief(abc.ABC):
    """The ways to break a simulator."""

    _gateway: Gateway
    _port: int

    def __init__(self, server: OpenClawServer) -> None:
        self._server = server

    def script(self, method: str, *acts: Act, times: int = 1) -> None:
        """Do these to the next answers of a method, one after another; ``connect`` and ``challenge`` are answers too.

        ``Lost()``, ``Late(seconds)``, ``Behind(answers)``, ``Refuses(refusal)``, ``Closes(code, reason)``,
        ``Says(text)``.
        """
        self._gateway.answers.script.add(method, *acts, times=times)

    def drop_connections(self, code: int = ABNORMAL, reason: str = "") -> None:
        """End every connection with this code; with 1006 by a TCP reset, and without a close frame."""
        for connection in self._server.connections:
            connection.drop(code, reason)

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Within the block the connections that are open now are frozen. New ones are sound."""
        with ExitStack() as stack:
            for connection in self._server.connections:
                stack.enter_context(connection.silent())
            yield

    @contextmanager
    def remote(self, address: str = "203.0.113.9") -> Iterator[None]:
        """Within the block new connections come from elsewhere: their devices need approval."""
        with changed(self._server.manners, remote=address):
            yield

    @contextmanager
    def refusing_upgrades(self, status: int = 403) -> Iterator[None]:
        """Within the block every upgrade is refused with this status."""
        with changed(self._server.manners, refuse_upgrades_with=status):
            yield

    @contextmanager
    def hanging_upgrades(self) -> Iterator[None]:
        """Within the block an upgrade gets no answer."""
        with changed(self._server.manners, hang_upgrades=True):
            yield

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Within the block the gateway is there and not up yet: who connects is put off, and closed with 1013."""
        self._gateway.handshake.starting = True
        try:
            yield
        finally:
            self._gateway.get_ready(trio.current_time())

    async def stop(self, *, killed: bool = False) -> None:
        """Stop the gateway: it says goodbye, and closes with 1012. ``killed``: without a word. Its port is closed then.

        4 waits for runs that are under way before it goes.
        """
        now = trio.current_time()
        if killed:
            self._gateway.kill(now)
        else:
            self._gateway.stop(now)
        self._act()
        await self._server.wait_until(lambda: not self._gateway.stopping)
        self._server.hang_up()
        await self._server.wait_until(lambda: not self._server.connections and not self._server.up)

    async def start(self, *, ready: bool = True) -> None:
        """Have the gateway back on the same port, with what is on its disk; ``ready=False``: it puts clients off."""
        self._gateway.start(trio.current_time(), ready=ready)
        await self._server.listen(self._port)
        self._act()

    def get_ready(self) -> None:
        """Put clients off no longer."""
        self._gateway.get_ready(trio.current_time())

    async def restart(self, *, down: float = 0.0, starting: float = 0.0, killed: bool = False) -> None:
        """Stop the gateway, have its port closed for ``down`` seconds, then have clients put off for ``starting``."""
        await self.stop(killed=killed)
        await trio.sleep(down)
        await self.start(ready=not starting)
        await trio.sleep(starting)
        self.get_ready()

    @abc.abstractmethod
    def _act(self) -> None:
        """Have done at once what is due, and written what the gateway wants to say."""

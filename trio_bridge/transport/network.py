"""Where streams come from: the operating system, or memory in tests."""

from __future__ import annotations

import abc
from typing import ClassVar

import attrs
import trio

from .urls import Endpoint, proxy_for
from .wirelog import WireLog


class Network(abc.ABC):
    """Opens and accepts byte streams. TLS is laid over them elsewhere."""

    honours_proxies: ClassVar[bool] = True
    """Whether the proxies that the environment names stand between us and this network's hosts."""

    @property
    def log(self) -> WireLog | None:
        """Where it is written down what goes over connections of this network."""
        return None

    def is_proxied(self, endpoint: Endpoint) -> bool:
        """Whether a proxy stands before an endpoint: it looks the name up then, and we never learn the address."""
        return self.honours_proxies and proxy_for(endpoint) is not None

    @abc.abstractmethod
    async def connect_tcp(self, host: str, port: int) -> trio.abc.HalfCloseableStream:
        """A stream to ``host:port``: at most 5 s for the name, 10 s for the connection.

        Raises:
          HandshakeFailed: with stage ``dns`` or ``tcp``, and the operating system's reason.
        """

    @abc.abstractmethod
    async def look_up(self, host: str, port: int) -> list[str]:
        """The addresses of a host, at least one, within 5 s.

        Raises:
          HandshakeFailed: with stage ``dns``, and the resolver's reason.
        """

    @abc.abstractmethod
    async def listen_tcp(self, host: str, port: int) -> trio.abc.Listener[trio.abc.HalfCloseableStream]:
        """A listener on ``host:port``; port 0 lets the system choose.

        Raises:
          OSError: the address is in use or not ours.
        """

    @abc.abstractmethod
    def port_of(self, listener: trio.abc.Listener[trio.abc.HalfCloseableStream]) -> int:
        """The port that a listener got."""


@attrs.define(eq=False)
class NetworkOver(Network):
    """A network that stands on another one: what a subclass does not say otherwise is as it is there."""

    _network: Network

    @property
    def log(self) -> WireLog | None:
        return self._network.log

    async def look_up(self, host: str, port: int) -> list[str]:
        return await self._network.look_up(host, port)

    async def listen_tcp(self, host: str, port: int) -> trio.abc.Listener[trio.abc.HalfCloseableStream]:
        return await self._network.listen_tcp(host, port)

    def port_of(self, listener: trio.abc.Listener[trio.abc.HalfCloseableStream]) -> int:
        return self._network.port_of(listener)

"""A network that is reached through one proxy, whatever the environment says."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

from ._proxy import open_tunnel
from .network import Network
from .urls import Endpoint


@attrs.define(eq=False)
class ProxiedNetwork(Network):
    """Connects through the proxy whose URL ``proxy`` gives, asked anew each time; ``None``: directly.

    That holds for every host, loopback included: somebody asked for it by name. Names are looked up by the proxy.
    """

    honours_proxies = False

    _network: Network
    _proxy: Callable[[], str | None]

    def is_proxied(self, endpoint: Endpoint) -> bool:
        return self._proxy() is not None

    async def connect_tcp(self, host: str, port: int) -> trio.abc.HalfCloseableStream:
        """A stream to ``host:port``.

        Raises:
          HandshakeFailed: with stage ``proxy``, if it is the proxy's fault.
          AccountRefused: the proxy wants credentials, or it is none.
          ConfigError: its URL can't be read now.
        """
        proxy = self._proxy()
        if proxy is None:
            return await self._network.connect_tcp(host, port)
        return await open_tunnel(proxy, Endpoint("tcp", host, port), network=self._network)

    async def look_up(self, host: str, port: int) -> list[str]:
        return await self._network.look_up(host, port)

    async def listen_tcp(self, host: str, port: int) -> trio.abc.Listener[trio.abc.HalfCloseableStream]:
        return await self._network.listen_tcp(host, port)

    def port_of(self, listener: trio.abc.Listener[trio.abc.HalfCloseableStream]) -> int:
        return self._network.port_of(listener)

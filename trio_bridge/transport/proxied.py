"""Networks as single accounts see them: through a proxy of their own, or with a log of what they say."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

from ._proxy import open_tunnel
from .network import NetworkOver
from .urls import Endpoint
from .wirelog import WireLog


@attrs.define(eq=False)
class ProxiedNetwork(NetworkOver):
    """Connects through the proxy whose URL ``proxy`` gives, asked anew each time; ``None``: directly.

    That holds for every host, loopback included: somebody asked for it by name. Names are looked up by the proxy.
    """

    honours_proxies = False

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


@attrs.define(eq=False)
class LoggedNetwork(NetworkOver):
    """Another network, over which everything is written down."""

    _log: WireLog

    @property
    def honours_proxies(self) -> bool:  # type: ignore[override]  # That of the network behind.
        return self._network.honours_proxies

    @property
    def log(self) -> WireLog | None:
        return self._log

    def is_proxied(self, endpoint: Endpoint) -> bool:
        return self._network.is_proxied(endpoint)

    async def connect_tcp(self, host: str, port: int) -> trio.abc.HalfCloseableStream:
        return await self._network.connect_tcp(host, port)

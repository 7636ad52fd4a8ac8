"""How an account reaches its hosts."""

from __future__ import annotations

from ..config import Proxy
from ..transport.network import Network
from ..transport.proxied import ProxiedNetwork


def network_through(proxy: Proxy | None, network: Network) -> Network:
    """The network as an account sees it: through the proxy that it names, else as the environment says."""
    return network if proxy is None else ProxiedNetwork(network, proxy.url)

"""How an account reaches its hosts."""

from __future__ import annotations

from ..config import AccountConfig, Proxy
from ..transport.network import Network
from ..transport.proxied import LoggedNetwork, ProxiedNetwork
from ..transport.wirelog import WireLog
from ..wire.redaction import Redactor


def network_through(proxy: Proxy | None, network: Network) -> Network:
    """The network as an account sees it: through the proxy that it names, else as the environment says."""
    return network if proxy is None else ProxiedNetwork(network, proxy.url)


def network_of(config: AccountConfig, network: Network) -> Network:
    """The same, with a log of everything where the account asks for it."""
    network = network_through(config.proxy, network)
    if not config.debug:
        return network
    redactor = Redactor(secret.mask for secret in config.secrets())
    return LoggedNetwork(network, WireLog(config.labels, redactor, config.base_urls()))

"""What a URL says about the connection: whom to reach, whether in the clear, whether through a proxy."""

from __future__ import annotations

import ipaddress
import urllib.request
from urllib.parse import urlsplit

import attrs

from ..errors import AccountRefused

PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}
SECURE = frozenset({"https", "wss"})


@attrs.frozen
class Endpoint:
    """The far end of a connection."""

    scheme: str
    host: str
    port: int

    @property
    def secure(self) -> bool:
        return self.scheme in SECURE

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"


def endpoint_of(url: str, *, allow_insecure: bool = False) -> Endpoint:
    """Whom an ``http``, ``https``, ``ws`` or ``wss`` URL names.

    Raises:
      AccountRefused: it is no such URL, or it would send secrets in the clear to an address that is not loopback. The
        text names host and scheme, never path or query: tickets live there.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except ValueError as error:  # a port out of range, a bracket left open, a label too long
        raise AccountRefused(f"not a usable URL: {error}", kind="misconfigured") from None
    if parts.scheme not in PORTS or not host:
        known = ", ".join(PORTS)
        raise AccountRefused(f"not a usable URL: expected one of {known}, and a host", kind="misconfigured")
    endpoint = Endpoint(parts.scheme, host, port if port is not None else PORTS[parts.scheme])
    if not (endpoint.secure or allow_insecure or is_loopback(host)):
        raise AccountRefused(
            f"{endpoint} is not encrypted, and {host} is not a loopback address: "
            f"use {parts.scheme}s, or set allow_insecure",
            kind="misconfigured",
        )
    return endpoint


def is_loopback(host: str) -> bool:
    """Whether the host is this machine by its very name. Other names may resolve to anything, so they are not."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_for(endpoint: Endpoint) -> str | None:
    """The URL of the proxy that the environment names for an endpoint; ``None``: go there directly.

    ``HTTPS_PROXY`` serves ``https`` and ``wss``, ``HTTP_PROXY`` serves ``http`` and ``ws``, ``ALL_PROXY`` what is left.
    ``NO_PROXY`` makes exceptions. Loopback is never proxied.
    """
    if is_loopback(endpoint.host):
        return None
    proxies = urllib.request.getproxies()
    proxy = proxies.get("https" if endpoint.secure else "http") or proxies.get("all")
    if not proxy or urllib.request.proxy_bypass(f"{endpoint.host}:{endpoint.port}"):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def address_of(proxy: str) -> Endpoint:
    """Where a proxy listens, without the credentials that its URL may hold.

    Raises:
      AccountRefused: it is no HTTP proxy, or nobody can tell where it is.
    """
    try:
        parts = urlsplit(proxy)
        host, port = parts.hostname or "", parts.port or PORTS["http"]
    except ValueError:  # not chained, not repeated: a password may be in it
        raise AccountRefused("the environment names a proxy whose URL can't be read", kind="misconfigured") from None
    if parts.scheme != "http" or not host:
        raise AccountRefused(
            f"the environment names a proxy of kind {parts.scheme!r}: only http: proxies are understood",
            kind="misconfigured",
        )
    return Endpoint(parts.scheme, host, port)

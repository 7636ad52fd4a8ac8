"""A network that reaches public addresses only: for URLs that strangers chose.

A name is looked up once. Every address that it has must be public, and the connection goes to one of these very
addresses: a name that means something else a moment later changes nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Final

import attrs
import trio

from ..errors import HandshakeFailed, RequestFailed
from .network import NetworkOver

REFUSED_ADDRESS: Final = "refused_address"
"""The code of the error."""

NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""Under it networks without IPv4 show all of IPv4: an address in it is as public as the one that it ends with."""

RESERVED: Final = tuple(
    ipaddress.ip_network(network) for network in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32", "3fff::/20")
)
"""Addresses that look public and are not: kept for protocols (clouds answer there with what machines may know of
themselves), relays that are no more, a cloud's own service, examples."""

PATIENCE: Final = 3.0
"""Seconds that an address gets while there is another."""


def is_public(address: str) -> bool:
    """Whether an address belongs to the whole internet: not to this machine, a local network, a group or nobody."""
    try:
        parsed: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if parsed in NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is not None:
            parsed = inner
        elif parsed.is_site_local:
            return False
    if any(parsed in network for network in RESERVED if network.version == parsed.version):
        return False
    return parsed.is_global and not (parsed.is_multicast or parsed.is_reserved)


@attrs.define(eq=False)
class PublicNetwork(NetworkOver):
    """Connects where ``exempt(host, port)`` holds, and else to public addresses.

    It goes there directly: a proxy would look the name up by itself, and nobody could say what it found.
    """

    honours_proxies = False

    _exempt: Callable[[str, int], bool]

    async def connect_tcp(self, host: str, port: int) -> trio.abc.HalfCloseableStream:
        """A stream to an address that was looked at.

        Raises:
          RequestFailed: the host has an address that is not public; the code is :data:`REFUSED_ADDRESS`.
          HandshakeFailed: it can't be reached.
        """
        if self._exempt(host, port):
            return await self._network.connect_tcp(host, port)
        *others, last = await self.look_up(host, port)
        for address in others:
            with trio.move_on_after(PATIENCE):
                try:
                    return await self._network.connect_tcp(address, port)
                except HandshakeFailed:
                    continue  # the next one may answer
        return await self._network.connect_tcp(last, port)

    async def look_up(self, host: str, port: int) -> list[str]:
        addresses = await self._network.look_up(host, port)
        if not all(map(is_public, addresses)):
            raise RequestFailed(f"{host} has an address that is not public: it is not called", code=REFUSED_ADDRESS)
        return addresses

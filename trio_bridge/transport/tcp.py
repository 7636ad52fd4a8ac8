"""Sockets of the operating system."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import Any

import attrs
import trio

from ..errors import HandshakeFailed
from .limits import DNS_LIMIT, TCP_LIMIT, stage_limit
from .network import Network

LOOKUP_THREADS = 8
"""Names looked up at the same time. Threads that hang in the resolver are these, not those of Trio's common pool."""

HEAD_START = 0.25
"""Seconds that an address has before the next one is tried beside it; 250 ms is what RFC 8305 recommends."""

USER_TIMEOUT = 30_000
"""Milliseconds that written bytes may stay without the peer's acknowledgement before the kernel gives the peer up."""

Address = tuple[Any, ...]
"""What :func:`socket.getaddrinfo` lists: family, type, protocol, canonical name, socket address."""


@attrs.define(eq=False)
class SystemNetwork(Network):
    """TCP as the operating system offers it."""

    _lookups: trio.CapacityLimiter = attrs.field(factory=lambda: trio.CapacityLimiter(LOOKUP_THREADS), init=False)

    async def connect_tcp(self, host: str, port: int) -> trio.SocketStream:
        place = f"{host}:{port}"
        addresses = await self._addresses(host, port)
        try:
            with stage_limit("tcp", TCP_LIMIT, f"connecting to {place}"):
                stream = await connect_first(in_turns(addresses))
        except OSError as error:
            raise HandshakeFailed(f"connecting to {place}: {reason_of(error)}", stage="tcp") from error
        notice_dead_peers(stream)
        return stream

    async def look_up(self, host: str, port: int) -> list[str]:
        return list(dict.fromkeys(str(place[0]) for *_, place in await self._addresses(host, port)))

    async def listen_tcp(self, host: str, port: int) -> trio.SocketListener:
        listener, *others = await trio.open_tcp_listeners(port, host=host)
        for other in others:  # a name with several addresses: one port is what callers ask for
            other.socket.close()
        return listener

    def port_of(self, listener: trio.abc.Listener[trio.abc.HalfCloseableStream]) -> int:
        if not isinstance(listener, trio.SocketListener):
            raise TypeError(f"not a listener of this network: {listener!r}")
        port: int = listener.socket.getsockname()[1]
        return port

    async def _addresses(self, host: str, port: int) -> list[Address]:
        try:
            with stage_limit("dns", DNS_LIMIT, f"looking up {host}"):
                return await self._ask_resolver(host, port)
        except (OSError, ValueError) as error:  # ValueError: not a name at all
            raise HandshakeFailed(f"looking up {host}: {reason_of(error)}", stage="dns") from error

    async def _ask_resolver(self, host: str, port: int) -> list[Address]:
        """Every address of a host, from the resolver that Trio was given or else from the system's."""
        resolver = trio.socket.set_custom_hostname_resolver(None)
        trio.socket.set_custom_hostname_resolver(resolver)
        if resolver is not None or is_address(host):
            return list(await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        # Trio's own call would take a thread of the common pool, and keep it for as long as the resolver hangs.
        return await trio.to_thread.run_sync(
            lambda: list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)),
            abandon_on_cancel=True,
            limiter=self._lookups,
        )


def is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def in_turns(addresses: list[Address]) -> list[Address]:
    """The first address of another family comes second, so that a family without a route costs one head start."""
    for index, address in enumerate(addresses):
        if address[0] != addresses[0][0]:
            return [addresses[0], address, *addresses[1:index], *addresses[index + 1 :]]
    return addresses


async def connect_first(addresses: list[Address]) -> trio.SocketStream:
    """A stream to the address that answers first; each gets a head start over the next.

    Raises:
      OSError: with the reasons of all, if none did.
    """
    errors: list[OSError] = []
    winners: list[trio.SocketStream] = []

    async def attempt(address: Address, failed: trio.Event) -> None:
        family, kind, protocol, _, place = address
        try:
            sock = trio.socket.socket(family, kind, protocol)
            try:
                await sock.connect(place)
            except BaseException:
                sock.close()
                raise
        except OSError as error:
            errors.append(error)
            failed.set()
        else:
            winners.append(trio.SocketStream(sock))
            attempts.cancel_scope.cancel(reason="another address answered")

    wanted = 0
    try:
        async with trio.open_nursery() as attempts:
            for address in addresses:
                failed = trio.Event()
                attempts.start_soon(attempt, address, failed, name="connect")
                with trio.move_on_after(HEAD_START):
                    await failed.wait()
        wanted = 1
    finally:
        for late in winners[wanted:]:  # two may answer in the same instant, or one while the caller leaves
            late.socket.close()
    if winners:
        return winners[0]
    reasons = ", ".join(dict.fromkeys(reason_of(error) for error in errors)) or "no address"
    raise OSError(reasons) from ExceptionGroup("every address failed", errors) if errors else None


def notice_dead_peers(stream: trio.SocketStream) -> None:
    """The kernel itself gives up a peer that no longer acknowledges. Options that a system lacks are left out."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, option):
            stream.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT)


def reason_of(error: BaseException) -> str:
    """The operating system's words, without the number."""
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number > 0:  # Trio puts the address into strerror; resolver errors are below 0
        return os.strerror(number)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__

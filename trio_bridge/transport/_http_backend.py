"""What httpcore's pool stands on: our streams, so that HTTP has the same proxies, limits and TLS as WebSocket.

It is used on every network, also the system's: one way to connect is less to test than two, and a call that failed
before it was sent says why in the same words.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpcore
import trio

from . import tls
from ._streams import close_now, is_readable
from .network import Network
from .urls import Endpoint


class Backend(httpcore.AsyncNetworkBackend):
    """Opens the connections of one scheme."""

    def __init__(self, network: Network, scheme: str, ca_file: Path | None) -> None:
        self._network = network
        self._scheme = scheme
        self._ca_file = ca_file

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's signature; our stages have limits of their own
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> BackendStream:
        stream = await tls.open_plain_stream(Endpoint(self._scheme, host, port), network=self._network)
        return BackendStream(stream, self._ca_file)


class BackendStream(httpcore.AsyncNetworkStream):
    """One connection, as httpcore wants it."""

    def __init__(self, stream: trio.abc.Stream, ca_file: Path | None) -> None:
        self._stream = stream
        self._ca_file = ca_file

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        with trio.move_on_after(float("inf") if timeout is None else timeout):
            try:
                return bytes(await self._stream.receive_some(max_bytes))
            except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
                raise httpcore.ReadError("the connection broke") from error
        raise httpcore.ReadTimeout("no answer")

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        try:
            await self._stream.send_all(buffer)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise httpcore.WriteError("the connection broke") from error

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> BackendStream:
        # Not the context of the pool: a pinned certificate may have been replaced since the pool was opened.
        secured = await tls.start_tls(self._stream, server_hostname or "", tls.ssl_context(self._ca_file))
        return BackendStream(secured, self._ca_file)

    async def aclose(self) -> None:
        # httpcore shields this without a bound, so it must not wait for anybody.
        close_now(self._stream)

    def get_extra_info(self, info: str) -> Any:
        return is_readable(self._stream) if info == "is_readable" else None

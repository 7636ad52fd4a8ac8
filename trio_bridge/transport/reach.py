"""What a host shows of itself to somebody who only knocks: that it is there, its certificate, its clock."""

from __future__ import annotations

import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import attrs
import h11
import trio

from ..wire.hints import date_of
from ._exchange import head_of_answer
from ._headers import USER_AGENT
from ._streams import close_now
from .network import Network
from .tls import open_plain_stream, ssl_context, start_tls
from .urls import Endpoint

DATE_LIMIT = 5.0
"""Seconds for the host's clock: a host that speaks no HTTP to us says nothing, and that is no fault of its own."""


@attrs.frozen(kw_only=True)
class Reached:
    """A host that is there. Times are seconds since the epoch."""

    tls: str = ""
    """The version of TLS; empty in the clear."""
    expires_at: float | None = None
    """When its certificate will be good no more."""
    date: float | None = None
    """What its clock showed, in whole seconds, where it told."""


async def reach(endpoint: Endpoint, *, network: Network, ca_file: Path | None) -> Reached:
    """Connect as far as TLS, ask an HTTP host what time it is, and hang up. No path but ``/`` is asked for.

    Raises:
      HandshakeFailed: with the stage that failed.
      AccountRefused: the certificate or the proxy can't be used as configured.
    """
    context = ssl_context(ca_file) if endpoint.secure else None
    stream = await open_plain_stream(endpoint, network=network)
    try:
        if context is not None:
            stream = await start_tls(stream, endpoint.host, context)
        speaks_http = endpoint.scheme in ("http", "https")
        return attrs.evolve(_certificate(stream), date=await _date(stream, endpoint.host) if speaks_http else None)
    finally:
        close_now(stream)


def _certificate(stream: Any) -> Reached:
    if not isinstance(stream, trio.SSLStream):
        return Reached()
    shown = stream.getpeercert()
    return Reached(tls=stream.version() or "", expires_at=ssl.cert_time_to_seconds(shown["notAfter"]))


async def _date(stream: trio.abc.Stream, host: str) -> float | None:
    """The time that the host tells in its answer, whatever else it answers."""
    request = h11.Request(method="HEAD", target="/", headers=[("Host", host), USER_AGENT, ("Connection", "close")])
    with trio.move_on_after(DATE_LIMIT), suppress(EOFError, h11.RemoteProtocolError, trio.BrokenResourceError):
        answer = await head_of_answer(h11.Connection(h11.CLIENT), stream, request)
        told = next((value for name, value in answer.headers if name == b"date"), b"")
        return date_of(told.decode("latin-1"))
    return None

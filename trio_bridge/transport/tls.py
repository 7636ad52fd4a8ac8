"""TLS over any stream. It is always verified; there is no switch."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Literal

import trio

from ..errors import AccountRefused, HandshakeFailed
from ._proxy import open_tunnel
from ._streams import close_now
from .limits import TLS_LIMIT, stage_limit
from .network import Network
from .urls import Endpoint, proxy_for

CertificateFault = Literal["expired", "too_early", "self_signed", "unknown_issuer", "other_host", "other"]

_FAULTS: Mapping[int, CertificateFault] = {
    9: "too_early",
    10: "expired",
    18: "self_signed",
    19: "self_signed",  # somewhere up the chain
    20: "unknown_issuer",
    21: "unknown_issuer",
    62: "other_host",
    64: "other_host",  # an address
}
"""By the number that OpenSSL gives to a verification's outcome (X509_V_ERR_...)."""


class CertificateRefused(AccountRefused):
    """A host's certificate was not accepted. ``reason`` is in OpenSSL's words, ``fault`` for programs."""

    def __init__(self, host: str, error: ssl.SSLCertVerificationError) -> None:
        self.host = host
        self.reason = error.verify_message.rstrip(".")
        self.fault = _FAULTS.get(error.verify_code, "other")
        super().__init__(
            f"the certificate of {host} was not accepted: {self.reason}. "
            "If the server has a certificate authority of its own, name its PEM file with the option ca_file",
            kind="misconfigured",
            code="certificate",
        )


def ssl_context(ca_file: Path | None = None) -> ssl.SSLContext:
    """A client context that verifies: by the system's roots, or by the certificates in ``ca_file`` and nothing else.

    The system's roots are what OpenSSL was built to use (``SSL_CERT_FILE`` and ``SSL_CERT_DIR`` override it): where an
    administrator adds a company's root, it holds here too. Loading them takes some 20 ms and a megabyte, so contexts
    are shared, and a pinned file is read anew when it changes.

    Raises:
      AccountRefused: the file can't be read, or holds no certificate.
    """
    if ca_file is None:
        return _context(None, 0)
    try:
        return _context(ca_file, ca_file.stat().st_mtime_ns)
    except OSError as error:  # SSLError is one
        reason = error.strerror or str(error)
        raise AccountRefused(f"ca_file {ca_file}: {reason}", kind="misconfigured", code="ca_file") from error


@lru_cache(maxsize=64)
def _context(ca_file: Path | None, version: int) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        # Whatever is in the file is trusted as it stands: also an intermediate, or the server's own certificate.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


async def open_stream(endpoint: Endpoint, *, network: Network, context: ssl.SSLContext) -> trio.abc.Stream:
    """A stream to an endpoint: through the proxy that the environment names, and under TLS if the scheme asks for it.

    Raises:
      HandshakeFailed: with the stage that failed.
      AccountRefused: the certificate was not accepted, or the proxy wants credentials.
    """
    stream = await open_plain_stream(endpoint, network=network)
    return await start_tls(stream, endpoint.host, context) if endpoint.secure else stream


async def open_plain_stream(endpoint: Endpoint, *, network: Network) -> trio.abc.Stream:
    """The same, without TLS yet."""
    proxy = proxy_for(endpoint) if network.honours_proxies else None
    if proxy is None:
        return await network.connect_tcp(endpoint.host, endpoint.port)
    return await open_tunnel(proxy, endpoint, network=network)


async def start_tls(stream: trio.abc.Stream, host: str, context: ssl.SSLContext) -> trio.abc.Stream:
    """Lay TLS over a stream, as a client. If that fails the stream is closed.

    Raises:
      HandshakeFailed, AccountRefused: as above.
    """
    secured = trio.SSLStream(stream, context, server_hostname=host, https_compatible=True)
    try:
        with stage_limit("tls", TLS_LIMIT, f"TLS with {host}"):
            await secured.do_handshake()
    except trio.BrokenResourceError as error:
        close_now(stream)
        if isinstance(error.__cause__, ssl.SSLCertVerificationError):
            raise CertificateRefused(host, error.__cause__) from error
        raise HandshakeFailed(f"TLS with {host}: {tls_reason(error.__cause__)}", stage="tls") from error
    except BaseException:
        close_now(stream)
        raise
    return secured


def tls_reason(cause: BaseException | None) -> str:
    """OpenSSL's words for why a handshake failed."""
    match cause:
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | None:  # which of them, depends on the OpenSSL
            return "the peer hung up"
        case ssl.SSLError(reason=str() as reason) if reason:
            return reason.replace("_", " ").lower()
        case _:
            return str(cause) or "the connection broke"

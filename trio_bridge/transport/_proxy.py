"""A way through an HTTP proxy: CONNECT, then the bytes are ours."""

from __future__ import annotations

import base64
from urllib.parse import unquote, urlsplit

import h11
import trio

from ..errors import AccountRefused, HandshakeFailed
from ._exchange import head_of_answer
from ._streams import close_now
from .limits import PROXY_LIMIT, stage_limit
from .network import Network
from .urls import Endpoint, address_of


async def open_tunnel(proxy: str, endpoint: Endpoint, *, network: Network) -> trio.abc.HalfCloseableStream:
    """A stream to ``endpoint`` through the proxy whose URL is given. Messages name it without its credentials.

    Raises:
      HandshakeFailed: stage ``proxy``: it can't reach the endpoint, or it failed.
      AccountRefused: it wants credentials, or it is no HTTP proxy.
    """
    address = address_of(proxy)
    place = f"proxy {address.host}:{address.port}"
    stream = await network.connect_tcp(address.host, address.port)
    try:
        with stage_limit("proxy", PROXY_LIMIT, place):
            parts = urlsplit(proxy)
            status = await connect(stream, endpoint, credentials(parts.username, parts.password))
    except (trio.BrokenResourceError, h11.ProtocolError, EOFError) as error:
        close_now(stream)
        raise HandshakeFailed(f"{place}: {str(error) or 'the connection broke'}", stage="proxy") from error
    except BaseException:
        close_now(stream)
        raise
    if 200 <= status < 300:
        return stream
    close_now(stream)
    if status == 407:
        raise AccountRefused(f"{place} wants credentials: put them into its URL", kind="misconfigured", code="407")
    raise HandshakeFailed(f"{place} answered {status} for {endpoint.host}", stage="proxy", status=status)


async def connect(stream: trio.abc.Stream, endpoint: Endpoint, headers: list[tuple[str, str]]) -> int:
    """The status of the proxy's answer to CONNECT.

    Raises:
      EOFError: there was no answer.
      h11.RemoteProtocolError: it was no HTTP, or somebody spoke behind it: in all that we tunnel the client begins.
    """
    target = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    target = f"{target}:{endpoint.port}"
    connection = h11.Connection(h11.CLIENT)
    request = h11.Request(method="CONNECT", target=target, headers=[("Host", target), *headers])
    answer = await head_of_answer(connection, stream, request)
    if answer.status_code < 300 and connection.trailing_data[0]:
        raise h11.RemoteProtocolError("bytes behind the answer to CONNECT")
    return answer.status_code


def credentials(name: str | None, password: str | None) -> list[tuple[str, str]]:
    """The header for a proxy that has a user in its URL."""
    if name is None:
        return []
    pair = f"{unquote(name)}:{unquote(password or '')}"
    return [("Proxy-Authorization", "Basic " + base64.b64encode(pair.encode()).decode())]

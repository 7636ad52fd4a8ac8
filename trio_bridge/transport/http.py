"""HTTP calls that are made once, end in time, and say whether they may have been carried out.

``httpx`` writes the requests (JSON, forms, uploads), ``httpcore`` speaks HTTP. The client of ``httpx`` itself is left
out: it logs every URL at INFO, and tokens live in URLs; it keeps cookies; its limits are per read, not per call.
"""

from __future__ import annotations

import json
import ssl
import zlib
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Self, TypedDict, Unpack

import attrs
import httpcore
import httpx
import trio

from ..errors import (
    AccountRefused,
    HandshakeFailed,
    LocalProtocolError,
    NotSent,
    OutcomeUnknown,
    RemoteProtocolError,
)
from ._headers import hint_of, sendable
from ._http_backend import Backend
from .network import Network
from .urls import endpoint_of

TOTAL = 15.0
"""Seconds for a whole call."""

SILENCE = 120.0
"""Seconds between two pieces of a streamed answer: a language model may think for as long."""

MAX_SIZE = 8 * 2**20
"""Bytes of an answer."""

CONNECTIONS = 32
"""Connections that one client holds at a time, per scheme."""

GZIP_OR_ZLIB = 47
"""The ``wbits`` with which zlib finds out itself which of the two it is."""

UNUSED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For the pools, which would load a context of their own with every connection. The backend brings the real one."""

KEEP_ALIVE = 5.0
"""Seconds that an idle connection is kept: servers close theirs from 15 s on, and a call that meets the closing
connection has an unknown outcome."""


@attrs.frozen
class HttpReply:
    """A whole answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(default=b"", repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def retry_after(self) -> float | None:
        """The server's hint in seconds."""
        return hint_of(self.headers)

    def json(self) -> Any:
        """The body, decoded.

        Raises:
          RemoteProtocolError: it is not JSON.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise RemoteProtocolError(f"an answer with status {self.status} is not JSON") from error


class Parts(TypedDict, total=False):
    """What a request may carry besides its headers; encoded as ``httpx`` does it."""

    params: Mapping[str, str | int]
    """Query parameters; they replace those of the URL."""
    json: Any
    content: bytes
    data: Mapping[str, str]
    files: Mapping[str, tuple[str, bytes, str]]
    """Uploads: file name, content and media type by field name."""


class HttpStream:
    """An answer whose body comes piece by piece. Header names are lower case."""

    def __init__(self, call: Call, response: httpcore.Response) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = headers_of(response.headers)
        self._call = call
        self._response = response
        self._pieces = response.aiter_stream()

    async def receive_some(self) -> bytes:
        """The next piece as it came; empty at the end.

        Raises:
          OutcomeUnknown: the connection broke, or fell silent.
        """
        with self._call.translating():
            return await anext(self._pieces, b"")

    async def read(self, limit: int) -> bytes:
        """The whole body, inflated where the server compressed what we had asked for as it is.

        Raises:
          OutcomeUnknown: the connection broke, or the body has more than ``limit`` bytes.
        """
        body = bytearray()
        while piece := await self.receive_some():
            body += piece
            if len(body) > limit:
                raise self._call.failure(f"an answer of more than {limit} bytes")
        if self.headers.get("content-encoding", "identity") == "identity":
            return bytes(body)
        try:
            inflated = zlib.decompressobj(GZIP_OR_ZLIB).decompress(body, limit + 1)
        except zlib.error as error:
            raise self._call.failure("an answer in an unknown encoding") from error
        if len(inflated) > limit:
            raise self._call.failure(f"an answer of more than {limit} bytes")
        return inflated

    async def aclose(self) -> None:
        """The connection is closed, or free for another call if the body was read to its end."""
        await self._response.aclose()
        # httpcore reads through generators inside generators. On the closed connection all of them come to their end;
        # otherwise the collector would find them in the middle, and Trio warns of that.
        with suppress(httpcore.NetworkError, httpcore.ProtocolError):
            while await anext(self._pieces, b""):
                pass


class Body:
    """The body of a request, in one piece.

    Not a generator, as those of ``httpx`` and ``httpcore`` are: a call that is cut off would leave it in the middle,
    and Trio warns of that.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._taken = False

    def __aiter__(self) -> Self:
        self._taken = False
        return self

    async def __anext__(self) -> bytes:
        if self._taken:
            raise StopAsyncIteration
        self._taken = True
        return self._content


class Call:
    """One call under way. It knows whether its request may have reached the server."""

    def __init__(self, pool: httpcore.AsyncConnectionPool, request: httpx.Request, silence: float) -> None:
        self._pool = pool
        # Of the URL only host and port: in path, query and credentials are secrets.
        self._what = f"{request.method} {request.url.scheme}://{request.url.netloc.decode()}"
        self._written = False
        self._request = httpcore.Request(
            request.method,
            httpcore.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=Body(request.read()),
            extensions={"trace": self._watch, "timeout": {"read": silence}},
        )

    async def open(self) -> HttpStream:
        """Send the request and wait for the head of the answer."""
        with self.translating():
            return HttpStream(self, await self._pool.handle_async_request(self._request))

    def failure(self, reason: str) -> NotSent | OutcomeUnknown:
        """The error that says what may have become of the request."""
        return (OutcomeUnknown if self._written else NotSent)(f"{self._what}: {reason}")

    @contextmanager
    def translating(self) -> Iterator[None]:
        try:
            yield
        except HandshakeFailed as error:
            raise NotSent(f"{self._what}: {error}", retry_after=error.retry_after) from error
        except (httpcore.LocalProtocolError, httpcore.UnsupportedProtocol) as error:
            raise LocalProtocolError(f"{self._what}: {error}") from error
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.RemoteProtocolError) as error:
            raise self.failure(str(error)) from error

    async def _watch(self, event: str, info: Mapping[str, Any]) -> None:
        if event == "http11.send_request_headers.started":
            self._written = True


class HttpClient:
    """Calls over HTTP. Nothing is sent twice, no redirect is followed, no cookie is kept."""

    def __init__(
        self,
        *,
        network: Network,
        ca_file: Path | None,
        allow_insecure: bool,
        total: float,
        silence: float,
        max_size: int,
    ) -> None:
        self.total = total
        self.silence = silence
        self.max_size = max_size
        self._allow_insecure = allow_insecure
        self._log = network.log
        self._network = network
        self._ca_file = ca_file
        self._pools: dict[str, httpcore.AsyncConnectionPool] = {}

    async def request(
        self, method: str, url: str, *, headers: Iterable[tuple[str, str]] = (), **parts: Unpack[Parts]
    ) -> HttpReply:
        """One call, whole, within :attr:`total` seconds. Any status is an answer.

        Raises:
          NotSent: the server never got it: name, connection, proxy, TLS.
          OutcomeUnknown: it was written, and no whole answer came.
          AccountRefused: the certificate, the proxy or the URL can't be used as configured.
        """
        with self._watched(method, url, parts):
            reply = await self._request(self._call(method, url, headers, parts))
        if self._log is not None:
            self._log.answer(method, url, reply.status, reply.body)
        return reply

    @asynccontextmanager
    async def stream(
        self, method: str, url: str, *, headers: Iterable[tuple[str, str]] = (), **parts: Unpack[Parts]
    ) -> AsyncIterator[HttpStream]:
        """The same, for an answer that is long or slow: its head comes within :attr:`total`, its pieces one by one.

        Between two pieces :attr:`silence` seconds may pass. How much it reads is up to the caller.
        """
        with self._watched(method, url, parts):
            call = self._call(method, url, headers, parts)
            with trio.move_on_after(self.total) as limit:
                answer = await call.open()
            if limit.cancelled_caught:
                raise call.failure(f"no answer within {self.total:g} s")
        if self._log is not None:
            self._log.answer(method, url, answer.status, None)
        try:
            yield answer
        finally:
            await answer.aclose()

    async def _request(self, call: Call) -> HttpReply:
        with trio.move_on_after(self.total):
            answer = await call.open()
            try:
                return HttpReply(answer.status, answer.headers, await answer.read(self.max_size))
            finally:
                await answer.aclose()
        raise call.failure(f"no answer within {self.total:g} s")

    def _watched(self, method: str, url: str, parts: Parts) -> AbstractContextManager[None]:
        return nullcontext() if self._log is None else self._log.calling(method, url, parts)

    async def aclose(self) -> None:
        for pool in self._pools.values():
            await pool.aclose()

    def _call(self, method: str, url: str, headers: Iterable[tuple[str, str]], parts: Parts) -> Call:
        endpoint = endpoint_of(url, allow_insecure=self._allow_insecure)
        if endpoint.scheme not in ("http", "https"):
            raise AccountRefused(f"{endpoint}: expected an http: or https: URL", kind="misconfigured")
        fields = [("Accept-Encoding", "identity"), *sendable(headers)]
        try:
            request = httpx.Request(method, url, headers=fields, **parts)
        except httpx.InvalidURL as error:
            raise AccountRefused(f"{endpoint}: {error}", kind="misconfigured") from None
        return Call(self._pool(endpoint.scheme), request, self.silence)

    def _pool(self, scheme: str) -> httpcore.AsyncConnectionPool:
        """The connections of one scheme. Most clients need one, and those of idle accounts none."""
        if scheme not in self._pools:
            self._pools[scheme] = httpcore.AsyncConnectionPool(
                ssl_context=UNUSED,
                max_connections=CONNECTIONS,
                keepalive_expiry=KEEP_ALIVE,
                network_backend=Backend(self._network, scheme, self._ca_file),
            )
        return self._pools[scheme]


@asynccontextmanager
async def open_http_client(
    *,
    network: Network,
    ca_file: Path | None = None,
    allow_insecure: bool = False,
    total: float = TOTAL,
    silence: float = SILENCE,
    max_size: int = MAX_SIZE,
) -> AsyncIterator[HttpClient]:
    """A client whose connections are closed when the block is left."""
    client = HttpClient(
        network=network,
        ca_file=ca_file,
        allow_insecure=allow_insecure,
        total=total,
        silence=silence,
        max_size=max_size,
    )
    try:
        yield client
    finally:
        await client.aclose()


def headers_of(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Names in lower case; what is repeated is joined with a comma."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers

"""The server side of HTTP/1.1 on one stream: requests out, answers in, everything bounded."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

import h11
import trio

from ._http_messages import HttpRequest, HttpResponse, HttpStreamResponse
from ._shell import RECEIVE_SIZE

REQUEST_LIMIT = 10.0
"""Seconds in which a request must arrive once its first byte did."""

IDLE_LIMIT = 75.0
"""Seconds without a request before a connection is closed; nginx's figure."""

RESPONSE_LIMIT = 30.0
"""Seconds in which the peer must take an answer, or a piece of one."""

LINGER = 1.0
"""Seconds for the peer to read our last answer."""

MAX_BODY = 24 * 2**20
"""Bytes of a request's body: a frame of 16 MiB in base64, and room for what is around it."""

BODILESS = frozenset({204, 304})


class RequestRefused(Exception):
    """The request can't be taken; the status says why. Nothing more is read from this connection."""

    def __init__(self, status: int) -> None:
        super().__init__(HTTPStatus(status).phrase)
        self.status = status


class HttpConnection:
    """One connection of a client."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._core = h11.Connection(h11.SERVER)
        self._bodiless = False

    @property
    def left_over(self) -> bytes:
        """What came behind a request that asks for another protocol."""
        return bytes(self._core.trailing_data[0])

    async def next_request(self) -> HttpRequest | None:
        """The next request; ``None`` if there is none: the client left, or was idle for too long.

        Raises:
          RequestRefused: it is malformed, too large or too slow.
          trio.BrokenResourceError: the connection broke.
        """
        if not self.left_over and not await self._begin():
            return None
        with trio.move_on_after(REQUEST_LIMIT):
            try:
                return await self._read()
            except h11.RemoteProtocolError as error:
                raise RequestRefused(error.error_status_hint) from error
        raise RequestRefused(HTTPStatus.REQUEST_TIMEOUT)

    async def answer(self, response: HttpResponse) -> bool:
        """Send an answer. Whether another request may follow."""
        body = b"" if self._bodiless or response.status in BODILESS else response.body
        headers = list(response.headers)
        if response.status not in BODILESS:
            headers.append(("Content-Length", str(len(response.body))))
        data = self._core.send(head_of(response.status, headers)) or b""
        if body:
            data += self._core.send(h11.Data(data=body)) or b""
        data += self._core.send(h11.EndOfMessage()) or b""
        await self._send(data)
        return self._may_go_on()

    async def answer_slowly(self, response: HttpStreamResponse) -> bool:
        """Send an answer piece by piece, for as long as the client is there. Whether another request may follow."""

        async def send_piece(piece: bytes) -> None:
            await self._send(self._core.send(h11.Data(data=piece)) or b"")

        await self._send(self._core.send(head_of(response.status, response.headers)) or b"")
        whole = self._bodiless
        if not whole:
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._end_when_client_leaves, nursery.cancel_scope)
                    whole = await response.write(send_piece)
                    nursery.cancel_scope.cancel("the answer is written")
            except* trio.BrokenResourceError:
                whole = False  # the client left, or does not read
        if whole:
            await self._send(self._core.send(h11.EndOfMessage()) or b"")
        return self._may_go_on()

    async def refuse(self, status: int) -> None:
        """Answer with a bare status, and let the client read it: closing on unread bytes would take it away."""
        if self._core.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        text = f"{status} {phrase_of(status)}\n".encode()
        response = HttpResponse(status, [("Connection", "close"), ("Content-Type", "text/plain")], text)
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # nobody is left to read it
            await self.answer(response)
            with trio.move_on_after(LINGER):
                if isinstance(self._stream, trio.abc.HalfCloseableStream):
                    await self._stream.send_eof()
                while await self._stream.receive_some(RECEIVE_SIZE):
                    pass

    def _may_go_on(self) -> bool:
        if self._core.our_state is not h11.DONE or self._core.their_state is not h11.DONE:
            return False
        self._core.start_next_cycle()
        return True

    async def _send(self, data: bytes) -> None:
        with trio.move_on_after(RESPONSE_LIMIT) as limit:
            await self._stream.send_all(data)
        if limit.cancelled_caught:
            raise trio.BrokenResourceError("the client does not read")

    async def _end_when_client_leaves(self, writing: trio.CancelScope) -> None:
        if data := await self._stream.receive_some(RECEIVE_SIZE):
            self._core.receive_data(bytes(data))  # its next request, which can wait
        else:
            writing.cancel("the client left")

    async def _begin(self) -> bool:
        """Whether a client that may be idle said something."""
        with trio.move_on_after(IDLE_LIMIT):
            data = await self._stream.receive_some(RECEIVE_SIZE)
            if data:
                self._core.receive_data(bytes(data))
            return bool(data)
        return False

    async def _read(self) -> HttpRequest | None:
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = self._core.next_event()
            match event:
                case h11.Request():
                    head = event
                    self._bodiless = event.method == b"HEAD"
                case h11.Data():
                    body += event.data
                    if len(body) > MAX_BODY:
                        raise RequestRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
                case h11.EndOfMessage() if head is not None:
                    return request_of(head, bytes(body))
                case h11.ConnectionClosed():
                    return None
                case h11.NEED_DATA:
                    if self._core.they_are_waiting_for_100_continue:
                        go_on = h11.InformationalResponse(status_code=100, headers=[])
                        await self._stream.send_all(self._core.send(go_on) or b"")
                    self._core.receive_data(bytes(await self._stream.receive_some(RECEIVE_SIZE)))
                case _:
                    raise AssertionError(f"h11 said {event!r}")  # pragma: no cover


def request_of(head: h11.Request, body: bytes) -> HttpRequest:
    headers: dict[str, str] = {}
    for raw_name, raw_value in head.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    target = head.target.decode("ascii")
    parts = urlsplit(target)
    return HttpRequest(
        method=head.method.decode("ascii"),
        target=target,
        path=unquote(parts.path),
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers=headers,
        body=body,
    )


def head_of(status: int, headers: Sequence[tuple[str, str]]) -> h11.Response:
    dated = any(name.lower() == "date" for name, _ in headers)
    date = [] if dated else [("Date", formatdate(usegmt=True))]
    return h11.Response(status_code=status, reason=phrase_of(status), headers=[*headers, *date])


def phrase_of(status: int) -> str:
    """The standard's words for a status; none for those that a platform made up."""
    with suppress(ValueError):
        return HTTPStatus(status).phrase
    return ""

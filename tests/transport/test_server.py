"""One port for HTTP and WebSocket, against good clients and bad ones."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
from collections.abc import Awaitable, Callable

import pytest
import trio
from trio.testing import MockClock

from tests.transport.servers import serving
from trio_bridge.config import Transport
from trio_bridge.errors import ConnectionLost, PeerClosed
from trio_bridge.transport import _http_connection
from trio_bridge.transport._pipe import MemoryStream, stream_pair
from trio_bridge.transport.client import open_websocket
from trio_bridge.transport.memory import MemoryListener, MemoryNetwork
from trio_bridge.transport.server import (
    AcceptWebsocket,
    HttpRequest,
    HttpResponse,
    ServerWebsocket,
    serve_listener,
    serve_stream,
)
from trio_bridge.transport.tcp import SystemNetwork
from trio_bridge.transport.websocket import UpgradeRefused

UPGRADE = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

Handler = Callable[[HttpRequest], Awaitable[HttpResponse | AcceptWebsocket | None]]


async def tell(request: HttpRequest) -> HttpResponse:
    """Say what was asked."""
    return HttpResponse.json(
        {"method": request.method, "path": request.path, "query": request.query, "body": request.body.decode()}
    )


async def exchange(*said: bytes, handler: Handler = tell, pause: float = 0.0) -> bytes:
    """Everything that a server answers to a client that says this, piece by piece, and then waits."""
    near, far = stream_pair(10**6)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_stream, far, handler)
        for piece in said:
            await near.send_all(piece)
            await trio.sleep(pause)
        with trio.move_on_after(3600):
            return b"".join([bytes(piece) async for piece in near])
    raise AssertionError("the server did not close the connection")


async def test_a_request_is_answered(autojump_clock: MockClock) -> None:
    answer = await exchange(
        b"POST /a%20b?x=1&y=&x=2 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"
    )
    head, body = answer.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n")
    assert b"\r\nContent-Length: %d\r\nDate: " % len(body) in head
    assert body == b'{"method": "POST", "path": "/a b", "query": {"x": "2", "y": ""}, "body": "hi"}'


async def test_repeated_headers_are_joined_and_names_lowered(autojump_clock: MockClock) -> None:
    seen: list[HttpRequest] = []

    async def handler(request: HttpRequest) -> HttpResponse:
        seen.append(request)
        return HttpResponse(204, [("X-Kept", "yes")], b"never sent")

    answer = await exchange(b"GET / HTTP/1.0\r\nX-A: 1\r\nx-a: 2\r\n\r\n", handler=handler)
    assert seen[0].headers["x-a"] == "1, 2"
    assert answer.startswith(b"HTTP/1.1 204 No Content\r\nX-Kept: yes\r\n")
    assert b"Content-Length" not in answer
    assert answer.endswith(b"\r\n\r\n")


async def test_requests_follow_each_other_on_one_connection(autojump_clock: MockClock) -> None:
    request = b"POST /%d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n"
    last = b"HEAD /2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = await exchange(request % 0 + request % 1, last, pause=1)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.count(b'"body": "ab"') == 2
    assert answer.endswith(b"\r\n\r\n")  # HEAD has no body


async def test_a_client_that_asks_before_its_body_is_told_to_go_on(autojump_clock: MockClock) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    answer = await exchange(head, b"hi", pause=1)
    assert answer.startswith(b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000, 431),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ],
)
async def test_what_is_no_request_gets_a_status(autojump_clock: MockClock, said: bytes, status: int) -> None:
    answer = await exchange(said)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"Connection: close\r\n" in answer


async def test_a_body_that_is_too_large_is_refused_while_it_comes(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_http_connection, "MAX_BODY", 1000)
    fits = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000
    assert (await exchange(fits)).startswith(b"HTTP/1.1 200 ")
    endless = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"3e9\r\n" + b"x" * 1001
    assert (await exchange(endless, b"more" * 1000)).startswith(b"HTTP/1.1 413 ")


async def test_who_was_refused_can_read_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http_connection, "MAX_BODY", 1000)
    network = SystemNetwork()
    async with serving(network, tell) as port, await network.connect_tcp("127.0.0.1", port) as stream:
        # More than the server takes in one receive: closing on unread bytes would be a reset.
        await stream.send_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" + bytes(500_000))
        answer = b"".join([bytes(piece) async for piece in stream])
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b"413 Request Entity Too Large\n")


async def test_a_client_that_sends_a_byte_a_second_is_left_after_10(autojump_clock: MockClock) -> None:
    near, far = stream_pair()
    begun = trio.current_time()

    async def drip() -> None:
        with contextlib.suppress(trio.BrokenResourceError):
            for byte in b"GET / HTTP/1.1\r\nHost: slow\r\n\r\n":
                await near.send_all(bytes([byte]))
                await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_stream, far, tell)
        nursery.start_soon(drip)
        assert (await near.receive_some()).startswith(b"HTTP/1.1 408 ")
        assert trio.current_time() - begun == 10


async def test_an_idle_client_is_left_without_a_word(autojump_clock: MockClock) -> None:
    begun = trio.current_time()
    assert await exchange() == b""
    assert trio.current_time() - begun == 75


async def test_a_client_that_does_not_read_is_left(autojump_clock: MockClock) -> None:
    async def big(request: HttpRequest) -> HttpResponse:
        return HttpResponse(body=b"x" * 10**6)

    near, far = stream_pair(1000)
    await near.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    begun = trio.current_time()
    await serve_stream(far, big)
    assert trio.current_time() - begun == 30
    with pytest.raises(trio.ClosedResourceError):
        await far.send_all(b"x")


async def test_a_client_that_leaves_in_mid_request_is_no_error(autojump_clock: MockClock) -> None:
    near, far = stream_pair()
    await near.send_all(b"GET / HT")
    near.close()
    await serve_stream(far, tell)
    near, far = stream_pair()
    near.break_()
    await serve_stream(far, tell)


async def test_a_handlers_bug_is_a_500_and_comes_out(autojump_clock: MockClock) -> None:
    async def broken(request: HttpRequest) -> HttpResponse:
        raise ZeroDivisionError

    near, far = stream_pair()
    await near.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    with pytest.raises(ZeroDivisionError):
        await serve_stream(far, broken)
    assert (await near.receive_some()).startswith(b"HTTP/1.1 500 ")


async def test_a_listener_survives_a_handlers_bug_unless_strict(
    network: MemoryNetwork, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(request: HttpRequest) -> HttpResponse:
        return HttpResponse(body=b"%d" % (1 // int(request.path[1:])))

    async def ask(port: int, path: bytes) -> bytes:
        stream = await network.connect_tcp("127.0.0.1", port)
        async with stream:
            await stream.send_all(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            return b"".join([bytes(piece) async for piece in stream])

    async with trio.open_nursery() as nursery:
        listener = await network.listen_tcp("127.0.0.1", 80)
        nursery.start_soon(serve_listener, listener, handler)
        assert b"500" in await ask(80, b"/0")
        assert (await ask(80, b"/1")).endswith(b"1")
        nursery.cancel_scope.cancel()
    (record,) = caplog.records
    assert (record.levelno, record.exc_info and record.exc_info[0]) == (logging.ERROR, ZeroDivisionError)

    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with serving(network, handler) as port:
            await ask(port, b"/0")
            await trio.sleep_forever()


async def test_running_out_of_descriptors_is_survived(network: MemoryNetwork, autojump_clock: MockClock) -> None:
    class Starved(MemoryListener):
        refusals = 3

        async def accept(self) -> MemoryStream:
            if self.refusals:
                self.refusals -= 1
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            return await super().accept()

    listener = Starved(network, "127.0.0.1", 80)
    near, far = stream_pair()
    await listener.offer(far)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_listener, listener, tell)
        await near.send_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await near.receive_some()).startswith(b"HTTP/1.1 200 ")
        nursery.cancel_scope.cancel()


async def test_an_upgrade_that_is_none_is_refused_and_the_connection_goes_on(autojump_clock: MockClock) -> None:
    async def accept(request: HttpRequest) -> HttpResponse | AcceptWebsocket:
        return AcceptWebsocket(never) if request.path == "/ws" else HttpResponse(body=b"still here")

    after = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = await exchange(b"GET /ws HTTP/1.1\r\nHost: x\r\n\r\n", after, handler=accept, pause=1)
    assert answer.startswith(b"HTTP/1.1 426 Upgrade Required\r\n")
    assert answer.endswith(b"still here")
    answer = await exchange(UPGRADE + b"\r\n", after, handler=accept, pause=1)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.endswith(b"still here")


async def never(websocket: ServerWebsocket) -> None:
    raise AssertionError("there is no WebSocket")


async def test_frames_right_behind_the_request_are_kept(transport: Transport, autojump_clock: MockClock) -> None:
    got: list[object] = []

    async def serve(websocket: ServerWebsocket) -> None:
        got.extend(await websocket.receive_batch())

    async def accept(request: HttpRequest) -> AcceptWebsocket:
        return AcceptWebsocket(serve, close_grace=1, transport=transport)

    answer = await exchange(UPGRADE + KEY + b"\r\n" + b"\x81\x82\0\0\0\0hi", handler=accept)
    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in answer
    assert answer.endswith(b"\x88\x02\x03\xe8")
    assert got == ["hi"]


async def test_messages_can_leave_in_one_write_with_the_answer_to_an_upgrade(transport: Transport) -> None:
    async def accept(request: HttpRequest) -> AcceptWebsocket:
        return AcceptWebsocket(lambda websocket: trio.sleep_forever(), transport=transport, early=["hi", b"\x00"])

    near, far = stream_pair(10**6)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_stream, far, accept)
        await near.send_all(UPGRADE + KEY + b"\r\n")
        answer = bytes(await near.receive_some())
        nursery.cancel_scope.cancel()
    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert answer.endswith(b"\r\n\r\n\x81\x02hi\x82\x01\x00")


async def test_a_handler_can_refuse_an_upgrade_in_its_own_words(network: MemoryNetwork) -> None:
    async def handler(request: HttpRequest) -> HttpResponse:
        return HttpResponse(400, [("Handshake-Status", "514")], b"no")

    async with serving(network, handler) as port:
        with pytest.raises(UpgradeRefused) as refused:
            await open_websocket(f"ws://127.0.0.1:{port}", network=network).__aenter__()
    assert (refused.value.status, refused.value.headers["handshake-status"]) == (400, "514")


async def test_a_handler_can_hang_up_instead_of_answering(autojump_clock: MockClock) -> None:
    async def handler(request: HttpRequest) -> None:
        return None

    assert await exchange(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", handler=handler) == b""


async def test_a_bug_in_serving_a_websocket_closes_it_with_1011_and_comes_out(
    transport: Transport, network: MemoryNetwork
) -> None:
    async def serve(websocket: ServerWebsocket) -> None:
        raise ZeroDivisionError

    async def handler(request: HttpRequest) -> AcceptWebsocket:
        return AcceptWebsocket(serve, transport=transport)

    near, far = stream_pair()
    await near.send_all(UPGRADE + KEY + b"\r\n")
    async with trio.open_nursery() as nursery:

        async def expect_the_bug() -> None:
            with pytest.raises(ZeroDivisionError):
                await serve_stream(far, handler)

        nursery.start_soon(expect_the_bug)
        said = b""
        while not said.endswith(b"\x88\x02\x03\xf3"):
            said += await near.receive_some()
        near.close()


async def test_a_client_that_says_too_much_is_told_1009(transport: Transport, network: MemoryNetwork) -> None:
    async def serve(websocket: ServerWebsocket) -> None:
        raise AssertionError(await websocket.receive_batch())

    async def handler(request: HttpRequest) -> AcceptWebsocket:
        return AcceptWebsocket(serve, max_size=1000, transport=transport)

    async with serving(network, handler) as port:
        async with open_websocket(f"ws://127.0.0.1:{port}", network=network) as websocket:
            await websocket.send_batch(["x" * 1001])
            with pytest.raises(PeerClosed) as closed:
                await websocket.receive_batch()
    assert closed.value.code == 1009


async def test_a_reset_on_sockets_is_a_reset(transport: Transport) -> None:
    async def serve(websocket: ServerWebsocket) -> None:
        websocket.reset()

    async def handler(request: HttpRequest) -> AcceptWebsocket:
        return AcceptWebsocket(serve, transport=transport)

    network = SystemNetwork()
    async with serving(network, handler) as port, await network.connect_tcp("127.0.0.1", port) as stream:
        await stream.send_all(UPGRADE + KEY + b"\r\n")
        with contextlib.suppress(trio.BrokenResourceError):
            while await stream.receive_some():
                pass
            raise AssertionError("the connection was closed, not reset")


async def test_a_peer_that_leaves_is_no_bug_of_who_served_it(transport: Transport, network: MemoryNetwork) -> None:
    ends: list[ConnectionLost] = []

    async def serve(websocket: ServerWebsocket) -> None:
        async def read() -> None:
            try:
                await websocket.receive_batch()
            except ConnectionLost as end:
                ends.append(end)
                raise

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)

    async def handler(request: HttpRequest) -> AcceptWebsocket:
        return AcceptWebsocket(serve, transport=transport)

    async with serving(network, handler) as port:
        async with open_websocket(f"ws://127.0.0.1:{port}", network=network) as websocket:
            websocket.abort()
        await trio.testing.wait_all_tasks_blocked()
    assert len(ends) == 1


async def test_cancelling_a_server_ends_its_connections_at_once_with_1001(
    transport: Transport, network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    async def handler(request: HttpRequest) -> AcceptWebsocket:
        async def serve(websocket: ServerWebsocket) -> None:
            await trio.sleep_forever()

        return AcceptWebsocket(serve, transport=transport)

    async with contextlib.AsyncExitStack() as clients:
        begun = trio.current_time()
        async with serving(network, handler) as port:
            client = open_websocket(f"ws://127.0.0.1:{port}", network=network)
            websocket = await clients.enter_async_context(client)
        assert trio.current_time() == begun
        with pytest.raises(PeerClosed) as closed:
            await websocket.receive_batch()
    assert closed.value.code == 1001

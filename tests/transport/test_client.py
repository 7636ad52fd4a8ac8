"""The opening handshake of a client, and what a server can do to it. What follows is in test_websocket."""

from __future__ import annotations

import logging
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trustme
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock
from websockets.protocol import Protocol, Side, State

from tests.transport.servers import AGREEMENT, agreement, everything, read_head, serving, speaking
from trio_bridge.config import Transport
from trio_bridge.errors import (
    AccountRefused,
    ConnectionLost,
    HandshakeFailed,
    LocalProtocolError,
    PeerClosed,
    RemoteProtocolError,
)
from trio_bridge.transport._pipe import stream_pair
from trio_bridge.transport._shell import CoreWebsocket
from trio_bridge.transport._trio_websocket import TrioWebsocket
from trio_bridge.transport.client import open_websocket
from trio_bridge.transport.memory import MemoryNetwork, websocket_pair
from trio_bridge.transport.network import Network
from trio_bridge.transport.server import AcceptWebsocket, HttpRequest, HttpResponse, ServerWebsocket
from trio_bridge.transport.tcp import SystemNetwork
from trio_bridge.transport.websocket import UpgradeRefused, Websocket
from trio_bridge.wire.protocol import Frame

MIB = 2**20


def accepting(
    serve: Callable[[ServerWebsocket], Awaitable[None]], **terms: object
) -> Callable[[HttpRequest], Awaitable[AcceptWebsocket]]:
    async def handler(request: HttpRequest) -> AcceptWebsocket:
        return AcceptWebsocket(serve, **terms)  # type: ignore[arg-type]

    return handler


@asynccontextmanager
async def connected(network: Network, port: int, **options: object) -> AsyncIterator[Websocket]:
    async with open_websocket(f"ws://127.0.0.1:{port}/", network=network, **options) as websocket:  # type: ignore[arg-type]
        yield websocket


async def test_headers_path_and_subprotocol_are_sent(transport: Transport, network: MemoryNetwork) -> None:
    requests: list[HttpRequest] = []

    async def serve(websocket: ServerWebsocket) -> None:
        assert websocket.subprotocol == "chat"

    async def handler(request: HttpRequest) -> AcceptWebsocket:
        requests.append(request)
        return AcceptWebsocket(serve, subprotocols=["other", "chat"])

    async with serving(network, handler) as port:
        url = f"ws://127.0.0.1:{port}/a%20b?ticket=t"
        headers = [("Authorization", "Bearer t"), ("User-Agent", "me"), ("Host", "chat.example")]
        async with open_websocket(
            url, network=network, transport=transport, headers=headers, subprotocols=["chat"]
        ) as websocket:
            assert isinstance(websocket, CoreWebsocket | TrioWebsocket)
            assert websocket.subprotocol == "chat"
    (request,) = requests
    assert (request.target, request.path, request.query) == ("/a%20b?ticket=t", "/a b", {"ticket": "t"})
    assert request.headers["authorization"] == "Bearer t"
    assert request.headers["user-agent"] == "me"
    assert request.headers["host"] == "chat.example"


async def test_leaving_the_block_closes_with_1000(transport: Transport, network: MemoryNetwork) -> None:
    ends: list[ConnectionLost] = []

    async def serve(websocket: ServerWebsocket) -> None:
        ends.append((await everything(websocket))[1])

    async with serving(network, accepting(serve)) as port:
        async with connected(network, port, transport=transport):
            pass
        await trio.testing.wait_all_tasks_blocked()
        assert network.connections == []
    assert [end.code for end in ends if isinstance(end, PeerClosed)] == [1000]


async def test_frames_right_behind_the_answer_are_kept(transport: Transport, network: MemoryNetwork) -> None:
    async def talk(stream: trio.abc.Stream) -> None:
        frames = b"".join(b"\x81\x01%d" % i for i in range(5))
        await stream.send_all(agreement(await read_head(stream)) + frames + b"\x88\x02\x0f\xa1")
        await trio.sleep_forever()

    async with speaking(network, talk) as port, connected(network, port, transport=transport) as websocket:
        messages, end = await everything(websocket)
    assert messages == ["0", "1", "2", "3", "4"]
    assert isinstance(end, PeerClosed)
    assert end.code == 4001


async def test_a_close_right_behind_the_answer_is_not_lost(transport: Transport, network: MemoryNetwork) -> None:
    async def talk(stream: trio.abc.Stream) -> None:
        await stream.send_all(agreement(await read_head(stream)) + b"\x88\x00")

    async with speaking(network, talk) as port, connected(network, port, transport=transport) as websocket:
        messages, end = await everything(websocket)
    assert messages == []
    assert isinstance(end, PeerClosed)
    assert end.code == 1005


@pytest.mark.parametrize(
    ("hint", "seconds"), [("7", 7.0), ("Thu, 01 Jan 2026 00:01:00 GMT", 60.0), ("soon", None), (None, None)]
)
async def test_a_refused_upgrade_tells_all_that_the_server_said(
    transport: Transport, network: MemoryNetwork, hint: str | None, seconds: float | None
) -> None:
    async def talk(stream: trio.abc.Stream) -> None:
        await read_head(stream)
        await stream.send_all(
            b"HTTP/1.1 514 Odd\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nHandshake-Status: 403\r\n"
            + (f"Retry-After: {hint}\r\n".encode() if hint else b"")
            + b"Content-Length: 6\r\n\r\nbanned"
        )

    async with speaking(network, talk) as port:
        with pytest.raises(UpgradeRefused, match="answered the upgrade with 514") as refused:
            await connected(network, port, transport=transport).__aenter__()
        await trio.testing.wait_all_tasks_blocked()
        assert network.connections == []
    assert (refused.value.stage, refused.value.status) == ("upgrade", 514)
    assert refused.value.retry_after == seconds
    assert refused.value.headers["handshake-status"] == "403"
    assert refused.value.body == b"banned"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 101",
        b"not HTTP at all\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        AGREEMENT + b"Sec-WebSocket-Accept: bm90IHlvdXIga2V5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot all",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 101 " + b"x" * 10_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_answer_to_an_upgrade_fails_it(
    transport: Transport, network: MemoryNetwork, answer: bytes
) -> None:
    async def talk(stream: trio.abc.Stream) -> None:
        await read_head(stream)
        await stream.send_all(answer)

    async with speaking(network, talk) as port:
        with pytest.raises(HandshakeFailed) as failed:
            await connected(network, port, transport=transport).__aenter__()
    assert failed.value.stage == "upgrade"


@pytest.mark.parametrize(
    "more",
    [
        b"Sec-WebSocket-Extensions: permessage-deflate\r\n",
        b"Sec-WebSocket-Protocol: chat\r\n",
        b"Sec-WebSocket-Protocol: \xff\r\n",
    ],
)
async def test_an_answer_to_what_was_not_asked_fails_the_upgrade(
    network: MemoryNetwork, more: bytes, transport: Transport, autojump_clock: MockClock
) -> None:
    async def talk(stream: trio.abc.Stream) -> None:
        await stream.send_all(agreement(await read_head(stream), more))
        await trio.sleep_forever()

    async with speaking(network, talk) as port:
        with pytest.raises(HandshakeFailed) as failed:
            await connected(network, port, transport=transport).__aenter__()
        assert trio.current_time() == 0
    assert failed.value.stage == "upgrade"


async def test_an_answer_before_the_answer_is_a_refusal(network: MemoryNetwork, transport: Transport) -> None:
    async def talk(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"HTTP/1.1 103 Early Hints\r\n\r\n" + agreement(await read_head(stream)))

    async with speaking(network, talk) as port:
        with pytest.raises(UpgradeRefused, match="103"):
            await connected(network, port, transport=transport).__aenter__()


async def test_the_opening_handshake_proves_life(
    network: MemoryNetwork, transport: Transport, autojump_clock: MockClock
) -> None:
    async def talk(stream: trio.abc.Stream) -> None:
        head = await read_head(stream)
        await trio.sleep(5)
        await stream.send_all(agreement(head))

    async with speaking(network, talk) as port, connected(network, port, transport=transport) as websocket:
        assert websocket.last_received == trio.current_time() == 5


async def test_a_refusal_that_ends_with_the_connection_is_told_whole(
    network: MemoryNetwork, transport: Transport
) -> None:
    async def talk(stream: trio.abc.Stream) -> None:
        await read_head(stream)
        await stream.send_all(b"HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\nnot ")
        await trio.testing.wait_all_tasks_blocked()
        await stream.send_all(b"you")
        await stream.aclose()

    async with speaking(network, talk) as port:
        with pytest.raises(UpgradeRefused) as refused:
            await connected(network, port, transport=transport).__aenter__()
    assert (refused.value.status, refused.value.body) == (403, b"not you")


async def test_what_the_block_raises_comes_out_as_it_is(network: MemoryNetwork, transport: Transport) -> None:
    """Not in a group, although tasks of the connection run beside the block."""
    async with serving(network, accepting(everything)) as port:  # type: ignore[arg-type]
        with pytest.raises(ZeroDivisionError):
            async with connected(network, port, transport=transport):
                raise ZeroDivisionError
        with trio.CancelScope() as scope:
            async with connected(network, port, transport=transport):
                scope.cancel()
                await trio.sleep_forever()
        assert scope.cancelled_caught


async def test_a_reset_instead_of_an_answer(transport: Transport, network: MemoryNetwork) -> None:
    async def talk(stream: trio.abc.Stream) -> None:
        await read_head(stream)
        network.connections[0].break_()

    async with speaking(network, talk) as port:
        with pytest.raises(HandshakeFailed, match="before the answer came") as failed:
            await connected(network, port, transport=transport).__aenter__()
    assert failed.value.stage == "upgrade"


async def test_a_server_that_answers_a_byte_a_second_is_left_after_10(
    transport: Transport, network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    async def talk(stream: trio.abc.Stream) -> None:
        for byte in agreement(await read_head(stream)):
            try:
                await stream.send_all(bytes([byte]))
            except trio.BrokenResourceError:
                return
            await trio.sleep(1)

    async with speaking(network, talk) as port:
        begun = trio.current_time()
        with pytest.raises(HandshakeFailed, match="no answer within 10 s") as failed:
            await connected(network, port, transport=transport).__aenter__()
        assert trio.current_time() - begun == 10
    assert failed.value.stage == "upgrade"


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/?s3cret", "ws://user@127.0.0.1/?s3cret", "ws://127.0.0.1/#s3cret", "ws://example.org/?s3cret"],
)
async def test_a_url_that_cannot_be_used_is_refused_without_being_repeated(network: MemoryNetwork, url: str) -> None:
    with pytest.raises(AccountRefused) as refused:
        await open_websocket(url, network=network).__aenter__()
    assert refused.value.kind == "misconfigured"
    assert "s3cret" not in f"{refused.value!r} {refused.value.__cause__!r}"
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


async def test_a_token_with_a_line_break_is_refused_without_being_repeated(
    transport: Transport, network: MemoryNetwork
) -> None:
    async with serving(network, accepting(everything)) as port:  # type: ignore[arg-type]
        with pytest.raises(AccountRefused, match="header Authorization: expected printable ASCII") as refused:
            await connected(
                network, port, transport=transport, headers=[("Authorization", "s3cret\r\nX: y")]
            ).__aenter__()
    assert "s3cret" not in str(refused.value)


async def test_nothing_of_a_connection_reaches_the_log(
    transport: Transport, network: MemoryNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    async def serve(websocket: ServerWebsocket) -> None:
        await websocket.send_batch(["s3cret text"])
        await everything(websocket)

    caplog.set_level(logging.DEBUG)
    async with serving(network, accepting(serve)) as port:
        url = f"ws://127.0.0.1:{port}/?ticket=s3cret"
        async with open_websocket(
            url, network=network, transport=transport, headers=[("Authorization", "s3cret")]
        ) as websocket:
            assert await websocket.receive_batch() == ["s3cret text"]
            await websocket.send_batch(["s3cret answer"])
    assert "s3cret" not in caplog.text


async def test_tls_and_websocket_together(transport: Transport, authority: trustme.CA, ca_file: Path) -> None:
    async def echo(websocket: ServerWebsocket) -> None:
        while True:
            await websocket.send_batch(await websocket.receive_batch())

    network = SystemNetwork()
    async with serving(network, accepting(echo), tls=authority.issue_cert("localhost")) as port:
        async with open_websocket(
            f"wss://localhost:{port}/", network=network, transport=transport, ca_file=ca_file
        ) as websocket:
            messages: list[Frame] = ["small", "x" * 100_000, b"binary"]
            await websocket.send_batch(messages)
            got: list[Frame] = []
            while len(got) < 3:
                got += await websocket.receive_batch()
            assert got == messages
        with pytest.raises(AccountRefused):
            await open_websocket(f"wss://localhost:{port}/", network=network, transport=transport).__aenter__()


@given(
    messages=st.lists(st.text(max_size=200) | st.binary(max_size=200), max_size=8),
    size=st.integers(min_value=1, max_value=40),
    fragment=st.integers(min_value=0, max_value=50),
)
async def test_any_split_of_the_bytes_gives_the_same_messages(messages: list[Frame], size: int, fragment: int) -> None:
    server = Protocol(Side.SERVER, state=State.OPEN)
    for message in messages:
        data = message.encode() if isinstance(message, str) else message
        send = server.send_text if isinstance(message, str) else server.send_binary
        send(data[:fragment], fin=False)
        server.send_ping(b"between")
        server.send_continuation(data[fragment:], fin=True)
    server.send_close(1000)
    stream, far = stream_pair(capacity=10**6)
    websocket = CoreWebsocket(stream, Protocol(Side.CLIENT, state=State.OPEN))
    got: list[Frame] = []
    whole = b"".join(server.data_to_send())
    for begin in range(0, len(whole) - 1, size):
        await far.send_all(whole[begin : min(begin + size, len(whole) - 1)])
        got += await websocket.receive_batch()
    await far.send_all(whole[-1:])
    late, end = await everything(websocket)
    assert got + late == messages
    assert isinstance(end, PeerClosed)
    assert end.code == 1000


async def bytes_taken(websocket: Websocket) -> tuple[list[Frame], ConnectionLost, int]:
    """All messages, the end, and the most memory that receiving them took."""
    tracemalloc.start()
    try:
        messages, end = await everything(websocket)
        return messages, end, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_a_frame_of_100_mib_is_refused_by_its_head() -> None:
    near, far = websocket_pair(max_size=16 * MIB)
    async with trio.open_nursery() as nursery:

        async def flood() -> None:
            piece = bytes(65_536)
            try:
                await far.send_raw(b"\x82\x7f" + (100 * MIB).to_bytes(8, "big"))
                for _ in range(100 * MIB // len(piece)):
                    await far.send_raw(piece)
            except ConnectionLost:
                pass

        nursery.start_soon(flood)
        messages, end, taken = await bytes_taken(near)
        assert messages == []
        assert isinstance(end, RemoteProtocolError)
        assert taken < 2 * MIB
        near.abort()


async def test_fragments_take_no_more_than_their_bytes() -> None:
    near, far = websocket_pair(max_size=MIB, capacity=MIB)
    async with trio.open_nursery() as nursery:

        async def flood() -> None:
            await far.send_raw(b"\x01\x00")
            for _ in range(12):
                await far.send_raw(b"\x00\x01x" * 5_000)
            await far.send_raw(b"\x80\x00")
            far.abort()

        nursery.start_soon(flood)
        messages, _, taken = await bytes_taken(near)
    assert messages == ["x" * 60_000]
    assert taken < 8 * MIB  # one receive of 64 KiB holds some 20,000 frames in 4 MiB; they must not add up


async def test_a_deflate_bomb_is_bounded_by_what_it_inflates_to(network: MemoryNetwork) -> None:
    deflate = zlib.compressobj(wbits=-15)
    bomb = b"".join(deflate.compress(bytes(MIB)) for _ in range(64)) + deflate.flush(zlib.Z_SYNC_FLUSH)
    bomb = bomb[:-4]

    async def serve(websocket: ServerWebsocket) -> None:
        await websocket.send_batch(["harmless " * 100])
        await websocket.send_raw(b"\xc2\x7f" + len(bomb).to_bytes(8, "big") + bomb)
        await everything(websocket)

    async with serving(network, accepting(serve, compression=True)) as port:
        async with connected(network, port, compression=True, max_size=MIB) as websocket:
            messages, end, taken = await bytes_taken(websocket)
    assert messages == ["harmless " * 100]
    assert isinstance(end, RemoteProtocolError)
    assert taken < 8 * MIB


async def test_compression_is_used_only_where_both_want_it(network: MemoryNetwork) -> None:
    extensions: list[str | None] = []

    async def handler(request: HttpRequest) -> HttpResponse:
        extensions.append(request.headers.get("sec-websocket-extensions"))
        return HttpResponse(404)

    async with serving(network, handler) as port:
        for wanted in (False, True):
            with pytest.raises(UpgradeRefused):
                await connected(network, port, compression=wanted).__aenter__()
    assert extensions == [None, "permessage-deflate; client_max_window_bits"]


async def test_half_a_surrogate_pair_does_not_stop_the_writer() -> None:
    near, far = websocket_pair()
    await near.send_batch(["a\ud800b", "after"])
    assert await far.receive_batch() == ["a?b", "after"]


async def test_a_send_that_was_cut_off_is_the_last_one(autojump_clock: MockClock) -> None:
    near, far = websocket_pair(capacity=10)
    with trio.move_on_after(1) as cut:
        await near.send_batch(["much more than ten bytes"])
    assert cut.cancelled_caught
    with pytest.raises(ConnectionLost):
        await near.send_batch(["half a frame is before this"])
    begun = trio.current_time()
    await near.aclose()
    assert trio.current_time() == begun  # no close frame can follow half a frame
    assert (await everything(far))[0] == []


class BrokenOneWay(trio.abc.Stream):
    """Takes nothing any more; what the peer said last is still under way."""

    async def send_all(self, data: object) -> None:
        await trio.lowlevel.checkpoint()
        raise trio.BrokenResourceError

    async def wait_send_all_might_not_block(self) -> None: ...

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        await trio.sleep(0.5)
        return b"\x88\x02\x0f\xa1"

    def close(self) -> None: ...

    async def aclose(self) -> None: ...


async def test_a_failed_send_tells_what_the_reader_finds(autojump_clock: MockClock) -> None:
    near = CoreWebsocket(BrokenOneWay(), Protocol(Side.CLIENT, state=State.OPEN))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(everything, near)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(PeerClosed) as closed:
            await near.send_batch(["x"])
    assert closed.value.code == 4001


async def test_a_failed_send_without_a_reader_is_1006_at_once(autojump_clock: MockClock) -> None:
    near = CoreWebsocket(BrokenOneWay(), Protocol(Side.CLIENT, state=State.OPEN))
    begun = trio.current_time()
    with pytest.raises(PeerClosed) as closed:
        await near.send_batch(["x"])
    assert (closed.value.code, trio.current_time()) == (1006, begun)


async def test_a_close_code_that_may_not_be_sent_is_our_bug(autojump_clock: MockClock) -> None:
    near, far = websocket_pair()
    with pytest.raises(LocalProtocolError, match="close code 1006"):
        await near.aclose(1006)
    assert isinstance((await everything(far))[1], PeerClosed)


async def test_after_the_end_a_ping_is_nothing() -> None:
    near, far = websocket_pair()
    far.abort()
    await everything(near)
    near.ping()
    assert not near.wants_flush


async def test_a_long_reason_is_cut_between_characters() -> None:
    near, far = websocket_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.aclose, 4000, "ü" * 100)
        end = (await everything(far))[1]
        await far.aclose()
    assert isinstance(end, PeerClosed)
    assert end.reason == "ü" * 61

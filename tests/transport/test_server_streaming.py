"""Answers that are sent while they are made: pieces, clients that leave or don't read, bodies that are broken off."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from trio_bridge.transport._pipe import stream_pair
from trio_bridge.transport.server import HttpRequest, HttpStreamResponse, SendPiece, serve_stream

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"


async def slow(request: HttpRequest) -> HttpStreamResponse:
    """Two pieces, an hour apart."""

    async def write(send: SendPiece) -> bool:
        await send(b"one")
        await trio.sleep(3600)
        await send(b"two")
        return request.path != "/broken"

    return HttpStreamResponse(write, 206, [("Content-Type", "text/plain"), ("Date", "today")])


async def test_pieces_arrive_when_they_are_sent_and_the_next_request_when_its_turn_has_come(
    autojump_clock: MockClock,
) -> None:
    near, far = stream_pair(10**6)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_stream, far, slow)
        await near.send_all(GET)
        await trio.testing.wait_all_tasks_blocked()
        begun = bytes(await near.receive_some(4096))
        assert begun.startswith(b"HTTP/1.1 206 Partial Content\r\nContent-Type: text/plain\r\nDate: today\r\n")
        assert begun.endswith(b"\r\n\r\n3\r\none\r\n")
        await near.send_all(HEAD)
        assert bytes(await near.receive_some(4096)) == b"3\r\ntwo\r\n"
        assert trio.current_time() == pytest.approx(3600)
        await near.send_eof()
        rest = b"".join([bytes(piece) async for piece in near])
        assert rest.startswith(b"0\r\n\r\nHTTP/1.1 206 ")
        assert rest.endswith(b"\r\n\r\n")  # HEAD has no body


async def test_a_body_can_be_broken_off(autojump_clock: MockClock) -> None:
    near, far = stream_pair(10**6)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_stream, far, slow)
        await near.send_all(GET.replace(b"/ ", b"/broken ", 1))
        body = b"".join([bytes(piece) async for piece in near]).partition(b"\r\n\r\n")[2]
    assert body == b"3\r\none\r\n3\r\ntwo\r\n"


@pytest.mark.parametrize("how", ["closes", "breaks"])
async def test_nothing_more_is_made_for_a_client_that_left(autojump_clock: MockClock, how: str) -> None:
    near, far = stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_stream, far, slow)
        await near.send_all(GET)
        await near.receive_some(4096)
        await near.aclose() if how == "closes" else near.break_()
    assert trio.current_time() == 0


async def test_a_client_that_does_not_read_is_left_after_30_seconds(autojump_clock: MockClock) -> None:
    async def endless(request: HttpRequest) -> HttpStreamResponse:
        async def write(send: SendPiece) -> bool:
            while True:
                await send(b"x" * 10_000)

        return HttpStreamResponse(write)

    near, far = stream_pair(100_000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_stream, far, endless)
        await near.send_all(GET)
    assert trio.current_time() == pytest.approx(30)
    await near.aclose()


async def test_a_bug_in_what_is_written_leaves_the_server_and_breaks_the_body_off(autojump_clock: MockClock) -> None:
    async def handler(request: HttpRequest) -> HttpStreamResponse:
        async def write(send: SendPiece) -> bool:
            await send(b"one")
            raise ZeroDivisionError

        return HttpStreamResponse(write)

    near, far = stream_pair(10**6)
    await near.send_all(GET)
    with pytest.RaisesGroup(ZeroDivisionError):
        await serve_stream(far, handler)
    answer = b"".join([bytes(piece) async for piece in near])
    assert answer.endswith(b"3\r\none\r\n")

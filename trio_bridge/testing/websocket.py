"""What every implementation of :class:`~trio_bridge.transport.websocket.Websocket` must do, as checks to run on it.

An ``open_pair`` opens the two ends of a connection. It may open them with different implementations: both are checked,
each as the near end, with the other for a peer. An end that is a
:class:`~trio_bridge.transport.server_websocket.ServerWebsocket` can also misbehave, and the other must withstand that.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Protocol

import trio

from ..errors import ConnectionLost, PeerClosed, RemoteProtocolError
from ..transport.server_websocket import ServerWebsocket
from ..transport.websocket import Websocket
from ..wire.protocol import Frame

MAX_SIZE = 300_000
"""What both ends must be opened with: more than buffers hold, so that sending has to wait for the reader."""

CLOSE_GRACE = 0.5

PATIENCE = 10.0
"""Seconds after which a check has hung; far more than any takes, as a slow machine is not a fault."""

MOMENT = 0.02
"""Seconds to let something happen that must change nothing."""


class OpenPair(Protocol):
    """Opens a connection: its two ends, which leaving the block closes."""

    def __call__(
        self, *, max_size: int, close_grace: float
    ) -> AbstractAsyncContextManager[tuple[Websocket, Websocket]]: ...


async def check_websocket(open_pair: OpenPair) -> None:
    """Both ends do what the seam says. On sockets it takes some real seconds; in memory, run it with an autojump clock.

    Raises:
      AssertionError: naming the check; it may be wrapped in a group.
    """
    for check in (*CONDUCT, *map(withstanding, MISCHIEF)):
        for turn in (False, True):
            await run(check, open_pair, turn=turn)


Check = Callable[[Websocket, Websocket], Awaitable[None]]
Mischief = Callable[[Websocket, ServerWebsocket], Awaitable[None]]


async def run(check: Check, open_pair: OpenPair, *, turn: bool) -> None:
    """One check, on a connection of its own."""
    name = f"{check.__name__}{', ends turned' if turn else ''}"
    with trio.move_on_after(PATIENCE) as patience:
        async with open_pair(max_size=MAX_SIZE, close_grace=CLOSE_GRACE) as ends:
            near, far = reversed(ends) if turn else ends
            try:
                await check(near, far)
            except (AssertionError, ConnectionLost, ExceptionGroup) as error:
                error.add_note(f"in check_websocket: {name}")
                raise
            finally:
                near.abort()
                far.abort()
    if patience.cancelled_caught:
        raise AssertionError(f"{name}: hung")


def withstanding(mischief: Mischief) -> Check:
    """The same as a check that passes where the far end can't misbehave."""

    async def check(near: Websocket, far: Websocket) -> None:
        if isinstance(far, ServerWebsocket):
            await mischief(near, far)

    check.__name__ = mischief.__name__
    return check


def same(got: object, wanted: object) -> None:
    if got != wanted:
        raise AssertionError(f"got {got!r:.200}, wanted {wanted!r:.200}")


async def receive(websocket: Websocket, count: int) -> list[Frame]:
    """A number of messages, and whatever came with the last. What must be answered is answered."""
    messages: list[Frame] = []
    while len(messages) < count:
        messages += await websocket.receive_batch()
        if websocket.wants_flush:
            await websocket.send_batch()
    return messages


async def end_of(websocket: Websocket) -> ConnectionLost:
    """How the connection ended."""
    try:
        while True:
            await websocket.receive_batch()
    except ConnectionLost as end:
        return end


async def how_closed(websocket: Websocket) -> tuple[int, str]:
    """Code and reason of the peer's close, which is answered."""
    end = await end_of(websocket)
    await websocket.aclose()
    if not isinstance(end, PeerClosed):
        raise AssertionError(f"got {end!r}, wanted PeerClosed")
    return end.code, end.reason


async def messages_keep_order_and_type(near: Websocket, far: Websocket) -> None:
    messages: list[Frame] = ["text", b"binary", "", b"", "grüße 🦉", b"\xff\x00", "last"]
    await far.send_batch(messages)
    same(await receive(near, len(messages)), messages)


async def a_batch_arrives_in_few_pieces(near: Websocket, far: Websocket) -> None:
    messages: list[Frame] = [f"message {i}" for i in range(100)]
    await far.send_batch(messages)
    got: list[Frame] = []
    calls = 0
    while len(got) < len(messages):
        got += await near.receive_batch()
        calls += 1
    same(got, messages)
    if calls > len(messages) / 4:
        raise AssertionError(f"{len(messages)} messages took {calls} calls")


async def big_messages_pass_in_both_directions_at_once(near: Websocket, far: Websocket) -> None:
    text, data = "x" * MAX_SIZE, b"\x80" * MAX_SIZE

    async def expect(websocket: Websocket, wanted: Frame) -> None:
        same(await receive(websocket, 3), [wanted] * 3)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(far.send_batch, [text] * 3)
        nursery.start_soon(near.send_batch, [data] * 3)
        nursery.start_soon(expect, near, text)
        nursery.start_soon(expect, far, data)


async def a_ping_is_answered_by_the_next_flush(near: Websocket, far: Websocket) -> None:
    far.ping()
    await far.send_batch(["behind the ping"])
    heard = far.last_received
    await trio.sleep(MOMENT)
    same(await receive(near, 1), ["behind the ping"])  # this flushes what waits
    with trio.move_on_after(PATIENCE / 2):
        while far.last_received <= heard:
            await far.receive_batch()
        return
    raise AssertionError("no pong")


async def only_received_bytes_prove_that_the_peer_lives(near: Websocket, far: Websocket) -> None:
    heard = near.last_received
    await trio.sleep(MOMENT)
    near.ping()
    await near.send_batch(["anybody?"])
    await trio.sleep(MOMENT)
    same(near.last_received, heard)
    await far.send_batch(["yes"])
    await receive(near, 1)
    if near.last_received <= heard:
        raise AssertionError("receiving did not count")


async def a_cancelled_receive_loses_nothing(near: Websocket, far: Websocket) -> None:
    messages: list[Frame] = [f"message {i}" for i in range(10)]
    got: list[Frame] = []

    async def take(scope: trio.CancelScope) -> None:
        with scope:
            got.extend(await near.receive_batch())

    for message in messages:
        async with trio.open_nursery() as nursery:
            scope = trio.CancelScope()
            nursery.start_soon(take, scope)
            await trio.sleep(MOMENT)
            await far.send_batch([message])
            scope.cancel()  # in the instant in which the message arrives
    same(got + await receive(near, len(messages) - len(got)), messages)


async def pings_that_cross_a_flood_stop_nothing(near: Websocket, far: Websocket) -> None:
    """A reader that waited for its pong to be written would wait for the other reader, and that one for it."""
    data = b"x" * MAX_SIZE

    async def flood(websocket: Websocket) -> None:
        for _ in range(3):
            websocket.ping()
            await websocket.send_batch([data])

    async def read(websocket: Websocket) -> None:
        got: list[Frame] = []
        while len(got) < 3:
            got += await websocket.receive_batch()
        same(got, [data] * 3)

    async with trio.open_nursery() as nursery:
        for websocket in (near, far):
            nursery.start_soon(flood, websocket)
            nursery.start_soon(read, websocket)


async def code_and_reason_of_a_close_arrive(near: Websocket, far: Websocket) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(far.aclose, 4001, "enough")
        same(await how_closed(near), (4001, "enough"))


async def messages_before_a_close_come_first(near: Websocket, far: Websocket) -> None:
    async with trio.open_nursery() as nursery:
        await far.send_batch(["one", b"two"])
        nursery.start_soon(far.aclose, 1001)
        same(await receive(near, 2), ["one", b"two"])
        same(await how_closed(near), (1001, ""))


async def the_end_stays_the_end(near: Websocket, far: Websocket) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(far.aclose, 4002)
        same(await how_closed(near), (4002, ""))
    same(await how_closed(near), (4002, ""))
    try:
        await near.send_batch(["too late"])
    except ConnectionLost:
        return
    raise AssertionError("a send after the end did not fail")


async def a_closed_end_is_left_by_its_reader(near: Websocket, far: Websocket) -> None:
    ends: list[ConnectionLost] = []

    async def read() -> None:
        ends.append(await end_of(near))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.sleep(MOMENT)
        nursery.start_soon(near.aclose)
        same(await how_closed(far), (1000, ""))
    same([end.code for end in ends if isinstance(end, PeerClosed)], [1000])


async def a_deaf_peer_cannot_hold_up_a_close(near: Websocket, far: Websocket) -> None:
    with trio.move_on_after(PATIENCE / 2):
        await near.aclose()
        await near.aclose()
        await end_of(near)
        return
    raise AssertionError("not closed within the close grace")


async def a_full_socket_cannot_hold_up_a_close(near: Websocket, far: Websocket) -> None:
    with trio.move_on_after(MOMENT):
        while True:
            await near.send_batch([b"x" * MAX_SIZE])
    with trio.move_on_after(PATIENCE / 2):
        await near.aclose()
        return
    raise AssertionError("not closed within the close grace")


async def an_abort_is_immediate_and_seen_as_1006(near: Websocket, far: Websocket) -> None:
    near.abort()
    near.abort()
    await end_of(near)
    same(await how_closed(far), (1006, ""))


async def a_cancelled_close_closes_the_socket(near: Websocket, far: Websocket) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        await near.aclose()
    code, _ = await how_closed(far)
    same(code in (1000, 1006), True)  # with a close frame where there was time to write one


async def a_reader_is_woken_by_an_abort(near: Websocket, far: Websocket) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(end_of, near)
        await trio.sleep(MOMENT)
        near.abort()


async def fragments_are_joined(near: Websocket, far: ServerWebsocket) -> None:
    await far.send_fragmented("grüße 🦉", 1)
    await far.send_fragmented(b"\x00\xff" * 1000, 300)
    await far.send_fragmented("", 1)
    same(await receive(near, 3), ["grüße 🦉", b"\x00\xff" * 1000, ""])


async def a_ping_between_fragments_is_answered(near: Websocket, far: ServerWebsocket) -> None:
    await far.send_raw(b"\x01\x02gr" + b"\x89\x02hi" + b"\x80\x02ay")
    same(await receive(near, 1), ["gray"])


async def a_message_that_is_too_large_ends_the_connection(near: Websocket, far: ServerWebsocket) -> None:
    await far.send_batch(["before"])
    same(await receive(near, 1), ["before"])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(cut_off, far.send_batch, ["x" * (MAX_SIZE + 1)])
        await protocol_is_broken(near, far, 1009)


async def messages_before_one_that_is_too_large_come_first(near: Websocket, far: ServerWebsocket) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(cut_off, far.send_batch, ["one", b"two", "x" * (MAX_SIZE + 1)])
        await trio.sleep(MOMENT)
        same(await receive(near, 2), ["one", b"two"])
        await protocol_is_broken(near, far, 1009)


async def bytes_count_and_not_characters(near: Websocket, far: ServerWebsocket) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(cut_off, far.send_batch, ["ü" * (MAX_SIZE // 2), "ü" * (MAX_SIZE // 2 + 1)])
        same(await receive(near, 1), ["ü" * (MAX_SIZE // 2)])
        await protocol_is_broken(near, far, 1009)


async def fragments_that_are_too_large_together_end_it_too(near: Websocket, far: ServerWebsocket) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(cut_off, far.send_fragmented, "x" * (MAX_SIZE + 1), MAX_SIZE // 2)
        await protocol_is_broken(near, far, 1009)


async def text_that_is_not_utf8_ends_it(near: Websocket, far: ServerWebsocket) -> None:
    await far.send_raw(b"\x81\x06before" + b"\x81\x01\xff" + b"\x81\x05after")
    same(await receive(near, 1), ["before"])
    await protocol_is_broken(near, far, 1007)


async def a_frame_that_breaks_the_rules_ends_it(near: Websocket, far: ServerWebsocket) -> None:
    await far.send_raw(b"\x8f\x00")
    await protocol_is_broken(near, far, 1002)


async def a_reset_in_mid_frame_is_1006_and_no_message(near: Websocket, far: ServerWebsocket) -> None:
    await far.send_raw(b"\x81\x7e\x04\x00only the beginning of 1024 bytes")
    same(await near.receive_batch(), [])
    far.reset()
    same(await how_closed(near), (1006, ""))


async def cut_off(send: Callable[..., Awaitable[None]], *args: object) -> None:
    """Send something in the middle of which the other end may close the connection."""
    with suppress(ConnectionLost):
        await send(*args)


async def protocol_is_broken(near: Websocket, far: Websocket, code: int) -> None:
    """The near end gives the connection up, and closing it tells the far end why."""
    end = await end_of(near)
    if not isinstance(end, RemoteProtocolError):
        raise AssertionError(f"got {end!r}, wanted RemoteProtocolError")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(near.aclose)
        same((await how_closed(far))[0], code)


CONDUCT: tuple[Check, ...] = (
    messages_keep_order_and_type,
    a_batch_arrives_in_few_pieces,
    big_messages_pass_in_both_directions_at_once,
    a_ping_is_answered_by_the_next_flush,
    only_received_bytes_prove_that_the_peer_lives,
    a_cancelled_receive_loses_nothing,
    pings_that_cross_a_flood_stop_nothing,
    code_and_reason_of_a_close_arrive,
    messages_before_a_close_come_first,
    the_end_stays_the_end,
    a_closed_end_is_left_by_its_reader,
    a_deaf_peer_cannot_hold_up_a_close,
    a_full_socket_cannot_hold_up_a_close,
    an_abort_is_immediate_and_seen_as_1006,
    a_cancelled_close_closes_the_socket,
    a_reader_is_woken_by_an_abort,
)

MISCHIEF: tuple[Mischief, ...] = (
    fragments_are_joined,
    a_ping_between_fragments_is_answered,
    a_message_that_is_too_large_ends_the_connection,
    messages_before_one_that_is_too_large_come_first,
    bytes_count_and_not_characters,
    fragments_that_are_too_large_together_end_it_too,
    text_that_is_not_utf8_ends_it,
    a_frame_that_breaks_the_rules_ends_it,
    a_reset_in_mid_frame_is_1006_and_no_message,
)

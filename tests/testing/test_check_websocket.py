"""The checks find what is wrong: each of these implementations breaks one promise of the seam."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock
from websockets.protocol import Protocol, Side, State

from trio_bridge.testing.websocket import check_websocket
from trio_bridge.transport._core_server import CoreServerWebsocket
from trio_bridge.transport._pipe import stream_pair
from trio_bridge.transport._shell import CoreWebsocket
from trio_bridge.transport.websocket import Websocket
from trio_bridge.wire.protocol import Frame


class Reverses(CoreWebsocket):
    async def receive_batch(self) -> list[Frame]:
        return list(reversed(await super().receive_batch()))


class ReadsOneAtATime(CoreWebsocket):
    held: list[Frame]

    async def receive_batch(self) -> list[Frame]:
        if not getattr(self, "held", []):
            self.held = await super().receive_batch()
        first, self.held = self.held[:1], self.held[1:]
        return first


class SendingProvesLife(CoreWebsocket):
    async def send_batch(self, messages: Sequence[Frame] = ()) -> None:
        await super().send_batch(messages)
        self.last_received = trio.current_time()


class NeverFlushes(CoreWebsocket):
    @property
    def wants_flush(self) -> bool:
        return False


class ForgetsTheReason(CoreWebsocket):
    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        await super().aclose(code)


class ClosesWithoutAWord(CoreWebsocket):
    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        self.abort()


class WaitsForEver(CoreWebsocket):
    async def aclose(self, code: int = 1000, reason: str = "") -> None:
        self._close_grace = 1e9
        await super().aclose(code, reason)


class LosesWhatACancelledReceiveTook(CoreWebsocket):
    async def receive_batch(self) -> list[Frame]:
        messages = await super().receive_batch()
        await trio.sleep(0.001)
        return messages


class HearsNothing(CoreWebsocket):
    async def receive_batch(self) -> list[Frame]:
        return await trio.sleep_forever()


class TakesAnything(CoreWebsocket):
    def __init__(self, stream: trio.abc.Stream, core: Protocol, *, close_grace: float) -> None:
        super().__init__(stream, Protocol(core.side, state=State.OPEN, max_size=None), close_grace=close_grace)


@pytest.mark.parametrize(
    ("broken", "promise"),
    [
        (Reverses, "messages_keep_order_and_type"),
        (ReadsOneAtATime, "a_batch_arrives_in_few_pieces"),
        (SendingProvesLife, "only_received_bytes_prove_that_the_peer_lives"),
        (NeverFlushes, "a_ping_is_answered_by_the_next_flush"),
        (ForgetsTheReason, "code_and_reason_of_a_close_arrive"),
        (ClosesWithoutAWord, "code_and_reason_of_a_close_arrive"),
        (WaitsForEver, "a_deaf_peer_cannot_hold_up_a_close"),
        (LosesWhatACancelledReceiveTook, "a_cancelled_receive_loses_nothing"),
        (HearsNothing, "messages_keep_order_and_type"),
        (TakesAnything, "a_message_that_is_too_large_ends_the_connection"),
    ],
)
async def test_a_broken_promise_is_found(broken: type[CoreWebsocket], promise: str, autojump_clock: MockClock) -> None:
    @asynccontextmanager
    async def open_pair(*, max_size: int, close_grace: float) -> AsyncIterator[tuple[Websocket, Websocket]]:
        near, far = stream_pair()
        yield (
            broken(near, Protocol(Side.CLIENT, state=State.OPEN, max_size=max_size), close_grace=close_grace),
            CoreServerWebsocket(
                far, Protocol(Side.SERVER, state=State.OPEN, max_size=max_size), close_grace=close_grace
            ),
        )

    try:
        await check_websocket(open_pair)
    except (AssertionError, ExceptionGroup) as error:
        found = f"{error} {getattr(error, '__notes__', '')}"
    else:
        found = "nothing"
    assert promise in found

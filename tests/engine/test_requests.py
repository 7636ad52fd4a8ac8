"""What an application has written on a connection, and what else a platform may want of one."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
from trio.testing import MockClock

from tests.engine.conftest import OpenFake
from tests.engine.fake import FakePlatform, FakeServer
from trio_bridge.engine.bell import Bell
from trio_bridge.engine.platform import Connection, Requests
from trio_bridge.errors import AccountRefused, BridgeError, ConnectionLost, PeerClosed
from trio_bridge.wire.protocol import Frame


class Asked(Requests):
    """A list of frames. One is taken at a time."""

    def __init__(self) -> None:
        self.waiting: list[Frame] = []
        self._bell = Bell()

    def ask(self, *frames: Frame) -> None:
        self.waiting += frames
        self._bell.ring()

    async def wait(self) -> None:
        while not self.waiting:
            await self._bell.wait()

    def take(self) -> list[Frame]:
        taken, self.waiting = self.waiting[:1], self.waiting[1:]
        return taken


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Have the fake platform's connections be given more than link and protocol."""

    def connect_with(
        *,
        early: Sequence[Frame] = (),
        requests: Requests | None = None,
        meaning: Callable[[PeerClosed], BridgeError] | None = None,
        watch: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        plain = FakePlatform.connect

        @asynccontextmanager
        async def connect(self: FakePlatform) -> AsyncGenerator[Connection]:
            async with plain(self) as connection:
                more = {} if meaning is None else {"meaning": meaning}
                yield attrs.evolve(connection, early=early, requests=requests, watch=watch, **more)

        monkeypatch.setattr(FakePlatform, "connect", connect)

    return connect_with


async def test_what_is_asked_for_is_written_and_all_of_it(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, connected: Callable[..., None]
) -> None:
    asked = Asked()
    connected(requests=asked)
    async with open_fake(None):
        link = await server.connection()
        asked.ask(b"one", b"two", b"three")
        await server.until(lambda: len(link.sent) == 3)
        assert link.sent == ["one", "two", "three"]
        asked.ask(b"four")
        await server.until(lambda: len(link.sent) == 4)


async def test_what_the_writer_did_not_take_is_still_there_when_the_connection_is_lost(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, connected: Callable[..., None]
) -> None:
    asked = Asked()
    connected(requests=asked)
    async with open_fake(None):
        link = await server.connection()
        link.deaf_writes = True
        asked.ask(b"one", b"two")
        await trio.testing.wait_all_tasks_blocked()
        assert asked.waiting == [b"two"]


async def test_a_large_request_is_given_the_time_that_a_bad_line_needs(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, connected: Callable[..., None]
) -> None:
    asked = Asked()
    connected(requests=asked)
    async with open_fake(None, ping_interval=1000, pong_timeout=1000) as account:
        link = await server.connection()
        link.deaf_writes = True
        began = trio.current_time()
        asked.ask(b"x" * 64 * 1024 * 50)
        await server.until(lambda: len(server.connections) == 2)
        assert 60 <= trio.current_time() - began <= 61
        assert account.generation == 2


async def test_what_came_behind_the_handshake_is_read_first(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, connected: Callable[..., None]
) -> None:
    connected(early=[json.dumps({"key": "m0", "lane": "talk", "text": "early", "id": "a0"}).encode()])

    async def handler(message: object) -> str:
        return message.text  # type: ignore[attr-defined, no-any-return]

    async with open_fake(handler):
        (await server.connection()).push("m1", "late")
        await server.until(lambda: len(server.answers) == 2)
        assert server.texts == ["early", "late"]


async def test_a_platform_says_what_a_close_means(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, connected: Callable[..., None]
) -> None:
    def meaning(close: PeerClosed) -> BridgeError:
        return AccountRefused("removed", kind="auth") if close.code == 4001 else close

    connected(meaning=meaning)
    async with open_fake(None) as account:
        link = await server.connection()
        link.lose(PeerClosed(1012))
        (await server.connection(2)).lose(PeerClosed(4001, "device removed"))
        async with account.states() as states:
            async for state in states:
                if state == "quarantined":
                    break
        error = account.statistics().last_error
        assert error is not None
        assert error.message == "removed"


async def test_what_the_watch_raises_ends_the_connection(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, connected: Callable[..., None]
) -> None:
    async def watch() -> None:
        await trio.sleep(5)
        raise ConnectionLost("silent for too long")

    connected(watch=watch)
    async with open_fake(None) as account:
        await server.connection(2)
        assert account.generation == 2
        error = account.statistics().last_error
        assert error is not None
        assert error.message == "silent for too long"

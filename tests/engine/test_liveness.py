"""When a connection is taken for dead, and when it is not."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import OpenFake, virtual_environment
from tests.engine.fake import FakeProtocol, FakeServer


@pytest.mark.parametrize("dies_after", [0.001, 7.0, 19.999, 20.001, 34.0, 100.0])
async def test_a_deaf_peer_is_left_within_55_seconds(
    dies_after: float, autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(None) as account:
        link = await server.connection()
        await trio.sleep(dies_after)
        link.silent = True
        died_at = trio.current_time()
        await server.connection(2)
        assert server.connected_at[1] - died_at <= 55.5  # and the half second of the delay law
        assert account.statistics().last_error is not None
        assert account.statistics().last_error.kind == "PeerSilent"  # type: ignore[union-attr]


async def test_a_deaf_peer_is_left_while_a_handler_runs(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def handler(message: object) -> None:
        await trio.sleep(120)

    async with open_fake(handler):
        link = await server.connection()
        link.push("m1")
        await wait_all_tasks_blocked()
        link.silent = True
        await server.connection(2)
        assert trio.current_time() < 56


async def test_one_lost_pong_is_forgiven(autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake) -> None:
    async with open_fake(None) as account:
        link = await server.connection()
        await trio.sleep(19)
        link.silent = True
        await trio.sleep(17)
        link.silent = False
        await trio.sleep(1000)
        assert account.generation == 1


async def test_any_received_byte_counts(autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake) -> None:
    """Pings that are never answered, but deliveries that go on."""
    async with open_fake(None) as account:
        link = await server.connection()
        link.silent = True
        for number in range(20):
            await trio.sleep(14)
            link.silent = False
            link.push(f"m{number}")
            link.silent = True
        assert account.generation == 1


async def test_sending_is_no_sign_of_life(autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake) -> None:
    async with open_fake(None) as account:
        link = await server.connection()
        link.silent = True
        for _ in range(20):
            await trio.sleep(10)
            if account.generation > 1:
                break
            await account.send("talk", "hello")
        assert trio.current_time() < 65


async def test_a_quiet_peer_that_answers_pings_stays_for_a_day(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(None) as account:
        await trio.sleep(86_400)
        assert account.generation == 1
        assert not account.alarms
        assert len(server.connections[0].pinged_at) == 86_400 // 20 - 1


async def test_a_peer_that_does_not_read_is_left(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    handled: list[str] = []

    async def handler(message: object) -> None:
        handled.append(message.id)  # type: ignore[attr-defined]

    async with open_fake(handler):
        link = await server.connection()
        link.deaf_writes = True
        link.push("m1")
        await trio.sleep(9)
        link.push("m2")  # the reader goes on meanwhile
        await trio.sleep(0.5)
        assert handled == ["m1", "m2"]
        assert len(server.connections) == 1
        await server.connection(2)
        assert 10 <= trio.current_time() <= 11


async def test_more_than_20_bad_frames_in_a_minute_end_the_connection(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(None) as account:
        link = await server.connection()
        for _ in range(3):
            for _ in range(20):
                link.push_raw({"bad": 1})
            await trio.sleep(61)
        assert account.generation == 1
        for _ in range(21):
            link.push_raw({"bad": 1})
        await server.connection(2)
        assert account.counters.bad_frames == 81


async def test_after_a_jump_of_the_clock_a_dead_connection_is_left_within_3_seconds(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    ahead = 1_790_000_000.0

    def wall() -> float:
        return trio.current_time() + ahead

    async with open_fake(None, environment=virtual_environment(wall=wall)) as account:
        link = await server.connection()
        await trio.sleep(41)
        link.silent = True
        ahead += 3600
        await server.connection(2)
        assert server.connected_at[1] - 41 <= 1 + 3 + 0.5
        await trio.sleep(41)
        ahead += 3600
        await trio.sleep(10)
        assert account.generation == 2, "a connection that answers the probe stays"


async def test_the_platforms_own_ping_follows_an_interval_that_the_peer_may_change(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeProtocol, "beat_interval", 90.0)
    async with open_fake(None):
        link = await server.connection()
        await trio.sleep(181)
        assert link.sent == ["beat", "beat"]
        await trio.sleep(14)
        link.push_raw({"beat": 10.0})  # the last was 15 s ago: one is due at once
        await trio.sleep(20.5)
        assert link.sent == ["beat"] * 5
        link.push_raw({"beat": 100.0})
        await trio.sleep(99)
        assert link.sent == ["beat"] * 5
        await trio.sleep(1)
        assert link.sent == ["beat"] * 6


@pytest.mark.parametrize(("interval", "left_after"), [(2.0, 1.0), (20.0, 10.0), (90.0, 15.0)])
async def test_a_ping_of_the_platforms_own_kind_wants_an_answer(
    interval: float,
    left_after: float,
    autojump_clock: MockClock,
    server: FakeServer,
    open_fake: OpenFake,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FakeProtocol, "beat_interval", interval)
    async with open_fake(None, ping_interval=1000.0, backoff_min=0.25) as account:
        link = await server.connection()
        await trio.sleep(interval + 0.5)
        link.silent = True
        died_at = trio.current_time()
        await server.connection(2)
        assert server.connected_at[1] - died_at <= interval + left_after + 0.25 + 5  # the closing handshake of the deaf
        error = account.statistics().last_error
        assert error is not None
        assert (error.kind, "own kind" in error.message) == ("PeerSilent", True)


async def test_a_peer_that_knows_no_ping_but_its_own_is_not_left(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeProtocol, "beat_interval", 300.0)
    async with open_fake(None) as account:
        link = await server.connection()
        link.answers_pings = False
        await trio.sleep(3000)
        assert account.generation == 1
        link.silent = True
        await server.connection(2)


async def test_what_is_for_nobody_is_counted_and_shows_that_the_platform_serves_us(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(None) as account:
        for number in range(1, 8):  # short runs, and no stall
            link = await server.connection(number)
            link.push_raw({"unwanted": True})
            await wait_all_tasks_blocked()
            link.lose()
            await trio.sleep(61)
        assert account.counters.gated == 7
        assert account.counters.received == 0
        assert not account.alarms


async def test_misses_count_in_a_row_only(autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake) -> None:
    async with open_fake(None) as account:
        link = await server.connection()
        for _ in range(10):
            await trio.sleep(19)
            link.silent = True
            await trio.sleep(17)
            link.silent = False
            await trio.sleep(4)
        assert account.generation == 1

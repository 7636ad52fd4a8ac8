from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from tests.engine.conftest import virtual_environment
from tests.engine.fake import Fake, FakeServer
from trio_bridge.engine.clock import watch_clock
from trio_bridge.engine.governor import ConnectGovernor, connect_governor
from trio_bridge.engine.ratelimit import TokenBucket
from trio_bridge.opening import open_bridge


async def test_at_most_25_connects_in_any_second(autojump_clock: MockClock) -> None:
    governor = connect_governor()
    admitted: list[float] = []

    async def connect() -> None:
        token = object()
        await governor.admit(token)
        admitted.append(trio.current_time())
        governor.release(token)

    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(connect)
    for first, last in zip(admitted, admitted[25:], strict=False):
        assert last - first >= 1.0
    assert admitted[24] == admitted[0], "the first ones don't wait"


async def test_at_most_50_handshakes_at_a_time(autojump_clock: MockClock) -> None:
    governor = ConnectGovernor()
    under_way = most = 0

    async def connect() -> None:
        nonlocal under_way, most
        token = object()
        await governor.admit(token)
        under_way += 1
        most = max(most, under_way)
        await trio.sleep(10)
        under_way -= 1
        governor.release(token)

    async with trio.open_nursery() as nursery:
        for _ in range(120):
            nursery.start_soon(connect)
    assert most == 50


async def test_a_cancelled_wait_takes_no_turn(autojump_clock: MockClock) -> None:
    governor = ConnectGovernor()
    for _ in range(25):
        token = object()
        await governor.admit(token)
        governor.release(token)
    with trio.move_on_after(0.5):
        await governor.admit(object())
    for _ in range(50):
        await governor.admit(object())


async def test_one_governor_for_a_run() -> None:
    assert connect_governor() is connect_governor()


async def test_ten_losses_within_a_second_are_a_herd(autojump_clock: MockClock) -> None:
    governor = ConnectGovernor()
    assert not any(governor.lost() for _ in range(9))
    assert governor.lost()
    await trio.sleep(2)
    assert not governor.lost()


async def test_a_token_bucket_lets_a_burst_through_and_then_its_rate(autojump_clock: MockClock) -> None:
    bucket = TokenBucket(rate=20, burst=5)
    start = trio.current_time()
    taken = []
    for _ in range(25):
        await bucket.take()
        taken.append(round(trio.current_time() - start, 6))
    assert taken[:5] == [0.0] * 5
    assert taken[5:] == [round(0.05 * step, 6) for step in range(1, 21)]


async def test_a_blocked_loop_is_warned_of(mock_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch_clock, Wall(), lambda: None)
        for passes, warned in ((1.09, False), (1.5, True)):
            await trio.testing.wait_all_tasks_blocked()
            mock_clock.jump(passes)
            await trio.testing.wait_all_tasks_blocked()
            assert ("the loop was blocked" in caplog.text) is warned
        nursery.cancel_scope.cancel()


class Wall:
    """A wall clock that goes with Trio's, and can be moved."""

    def __init__(self) -> None:
        self.ahead = 1_790_000_000.0

    def __call__(self) -> float:
        return trio.current_time() + self.ahead


async def watched(wall: Wall, nursery: trio.Nursery) -> Callable[[], int]:
    jumps: list[float] = []
    nursery.start_soon(watch_clock, wall, lambda: jumps.append(trio.current_time()))
    await trio.sleep(100)
    return lambda: len(jumps)


async def test_a_suspended_machine_is_noticed(autojump_clock: MockClock) -> None:
    wall = Wall()
    async with trio.open_nursery() as nursery:
        jumps = await watched(wall, nursery)
        assert jumps() == 0
        wall.ahead += 3600
        await trio.sleep(3)
        assert jumps() == 1
        await trio.sleep(100)
        assert jumps() == 1, "once, not for every tick of the hour"
        nursery.cancel_scope.cancel()


async def test_a_clock_that_is_set_back_is_no_jump(autojump_clock: MockClock) -> None:
    wall = Wall()
    async with trio.open_nursery() as nursery:
        jumps = await watched(wall, nursery)
        wall.ahead -= 86_400
        await trio.sleep(100)
        assert jumps() == 0
        nursery.cancel_scope.cancel()


async def test_a_stopped_process_is_noticed(mock_clock: MockClock) -> None:
    wall = Wall()
    jumps: list[float] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch_clock, wall, lambda: jumps.append(trio.current_time()))
        await trio.testing.wait_all_tasks_blocked()
        mock_clock.jump(3600)  # both clocks move alike
        await trio.testing.wait_all_tasks_blocked()
        assert len(jumps) == 1
        nursery.cancel_scope.cancel()


async def test_accounts_that_are_lost_together_return_spread(autojump_clock: MockClock) -> None:
    servers = [FakeServer() for _ in range(20)]
    accounts = [Fake(name=f"a{number}", server=server) for number, server in enumerate(servers)]
    async with open_bridge(accounts, None, environment=virtual_environment(lambda: 0.9)) as bridge:
        for account in bridge.accounts.values():
            await account.wait_ready()
        await trio.sleep(2)
        lost_at = trio.current_time()
        for server in servers:
            server.connections[0].lose()
        await trio.sleep(20)
        back_after = sorted(server.connected_at[1] - lost_at for server in servers)
        assert back_after[8] < 1, "nobody could know yet that it was a herd"
        assert back_after[9] == pytest.approx(13.5)

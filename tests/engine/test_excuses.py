"""What a full conversation drops: whom the platform may tell, how often, and that nothing else comes of it."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import OpenFake
from tests.engine.fake import FakePlatform, FakeServer
from trio_bridge.engine.excuses import EVERY, WAITING, Excuses
from trio_bridge.errors import StoreUnavailable
from trio_bridge.messages import Message
from trio_bridge.stores.memory import MemoryStore
from trio_bridge.wire.protocol import Delivery


class Blocked:
    """A handler that is at work until it is let go."""

    def __init__(self) -> None:
        self.release = trio.Event()
        self.heard: list[str] = []

    async def __call__(self, message: Message) -> None:
        self.heard.append(message.id)
        await self.release.wait()


@pytest.fixture
def excused(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The platform says sorry, and what it said it about is noted here."""
    said: list[str] = []

    async def excuse(self: FakePlatform, message: Message) -> None:
        said.append(message.id)
        await message.reply("sorry")

    monkeypatch.setattr(FakePlatform, "excuse", excuse)
    return said


async def test_one_message_a_minute_of_each_full_lane_is_excused(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, excused: list[str]
) -> None:
    handler = Blocked()
    async with open_fake(handler, session_queue_max=1) as account:
        link = await server.connection()
        for lane in "ab":
            for number in range(4):
                link.push(f"{lane}{number}", lane=lane)
                await wait_all_tasks_blocked()
        assert excused == ["a2", "b2"]
        assert server.texts == ["sorry", "sorry"]
        await trio.sleep(EVERY - 1)
        link.push("a4", lane="a")
        await wait_all_tasks_blocked()
        await trio.sleep(2)
        assert len(excused) == 2
        link.push("a5", lane="a")
        await wait_all_tasks_blocked()
        assert excused == ["a2", "b2", "a5"]
        assert account.counters.dropped == 6
        handler.release.set()
        await trio.sleep(1)
        assert sorted(handler.heard) == ["a0", "a1", "b0", "b1"]


async def test_what_was_dropped_stays_so_over_a_restart(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, excused: list[str]
) -> None:
    store = MemoryStore()
    for start in range(2):
        handler = Blocked()
        async with open_fake(handler, store=store, session_queue_max=1) as account:
            link = await server.connection(start + 1)
            for number in range(3):
                ack_id = link.push(f"m{number}")
                await server.until(lambda: link.acked(ack_id))  # noqa: B023 - at once
            if start:
                assert account.counters.duplicates == 3
                handler.release.set()
                await trio.sleep(1)
                assert handler.heard == ["m0", "m1"]
            else:
                assert account.counters.dropped == 1
    assert excused == ["m2"]


async def test_without_the_key_nothing_is_dropped(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, excused: list[str]
) -> None:
    handler = Blocked()
    async with open_fake(handler, queue_size=500) as account:
        link = await server.connection()
        for number in range(300):
            link.push(f"m{number}")
        await wait_all_tasks_blocked()
        assert (account.counters.stored, account.counters.dropped) == (300, 0)


async def test_a_full_account_goes_before_a_full_lane_s_turn_only_for_what_has_room_in_its_lane(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake, excused: list[str]
) -> None:
    """What a lane drops needs no room; what it would take is shed, to come again."""
    async with open_fake(Blocked(), workers=1, queue_size=2, overflow="shed", session_queue_max=1) as account:
        link = await server.connection()
        for key, lane in [("a0", "a"), ("a1", "a"), ("a2", "a"), ("b0", "b")]:
            link.push(key, lane=lane)
            await wait_all_tasks_blocked()
        counters = account.counters
        assert (counters.stored, counters.dropped, counters.shed) == (2, 1, 1)


async def test_an_excuse_that_can_t_be_said_is_nobody_s_trouble(
    autojump_clock: MockClock,
    server: FakeServer,
    open_fake: OpenFake,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def excuse(self: FakePlatform, message: Message) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(FakePlatform, "excuse", excuse)
    handler = Blocked()
    async with open_fake(handler, session_queue_max=1) as account:
        link = await server.connection()
        for number in range(3):
            link.push(f"m{number}", ignore=number == 2)
            await wait_all_tasks_blocked()
        assert not caplog.records, "what says nothing has nobody who waits"
        link.push("m3", lane="b")
        for number in range(4, 7):
            link.push(f"m{number}", lane="b")
            await wait_all_tasks_blocked()
        assert [record.message for record in caplog.records] == ["could not say that a message was dropped"]
        handler.release.set()
        await trio.sleep(1)
        assert account.counters.handled == 4


async def test_a_crowd_is_not_waited_for_and_forgotten_in_a_minute(autojump_clock: MockClock) -> None:
    class Silent:
        def message(self, delivery: Delivery, context: object) -> None:
            said.append(delivery.key)

    said: list[str] = []
    excuses = Excuses(Silent(), lambda delivery: None, {})  # type: ignore[arg-type, return-value]  # All that it asks of them.
    for number in range(WAITING + 10):
        excuses.ask_for(Delivery(str(number), f"lane {number}", "t", "{}"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(excuses.run)
        await trio.sleep(EVERY)
        assert len(said) == WAITING
        excuses.ask_for(Delivery("again", "lane 0", "t", "{}"))
        await wait_all_tasks_blocked()
        assert said[-1] == "again"
        nursery.cancel_scope.cancel()

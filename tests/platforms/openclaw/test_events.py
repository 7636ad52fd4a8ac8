"""Events: bounded, counted, and nobody holds up anybody."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from trio_bridge.errors import AccountStopped
from trio_bridge.platforms.openclaw.events import Events
from trio_bridge.platforms.openclaw.frames import Event


def number(value: int, name: str = "chat") -> Event:
    return Event(name, {"n": value}, value)


async def test_those_of_a_name_and_all(autojump_clock: MockClock) -> None:
    events = Events(10)
    async with events.open("chat", "tick") as some, events.open() as every:
        for name in ("chat", "presence", "tick"):
            events.publish(number(1, name))
        events.gap("reconnected")
        assert [(await anext(some)).name for _ in range(2)] == ["chat", "tick"]
        assert [(await anext(every)).name for _ in range(3)] == ["chat", "presence", "tick"]
        with trio.move_on_after(1) as nothing:
            await anext(every)
        assert nothing.cancelled_caught


async def test_a_gap_is_told_to_whoever_asks(autojump_clock: MockClock) -> None:
    events = Events(10)
    async with events.open("gap") as gaps:
        events.gap("sequence", 3)
        assert (await anext(gaps)).payload == {"reason": "sequence", "missed": 3}


async def test_a_slow_one_is_told_how_many_it_missed_and_others_miss_nothing(autojump_clock: MockClock) -> None:
    events = Events(3)
    async with events.open("chat") as slow, events.open("chat", size=100) as quick:
        for value in range(10):
            events.publish(number(value))
        assert slow.missed == 7
        assert [(await anext(slow)).payload["n"] for _ in range(3)] == [0, 1, 2]
        events.publish(number(10))
        late = await anext(slow)
        assert (late.payload["n"], late.missed, slow.missed) == (10, 7, 0)
        events.publish(number(11))
        assert (await anext(slow)).missed == 0
        assert [(await anext(quick)).payload["n"] for _ in range(12)] == list(range(12))


async def test_the_end_of_the_account_ends_streams_after_what_is_in_them(autojump_clock: MockClock) -> None:
    events = Events(3)
    async with events.open("chat") as stream:
        events.publish(number(1))
        events.stop()
        assert (await anext(stream)).seq == 1
        with pytest.raises(AccountStopped):
            await anext(stream)
    async with events.open("chat") as stream:
        with pytest.raises(AccountStopped):
            await anext(stream)
    assert events.streams == 0


async def test_a_listener_hears_between_entering_and_leaving(autojump_clock: MockClock) -> None:
    events, heard = Events(3), []
    with events.listening(heard.append):
        events.publish(number(1))
        with events.listening(heard.append):
            events.publish(number(2))
    events.publish(number(3))
    assert [event.seq for event in heard] == [1, 2, 2]

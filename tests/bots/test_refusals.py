"""What is said to those who are not heard."""

from __future__ import annotations

import attrs
import pytest

from trio_bridge.bots.gate.refusals import DAY, MOST, SCOPE, Refusals
from trio_bridge.messages import Conversation, Message, Reply, Sender
from trio_bridge.stores.memory import MemoryAccount


@attrs.define
class Room:
    """A store, a clock, and what was said."""

    now: float = 1_790_000_000.0
    store: MemoryAccount = attrs.Factory(lambda: MemoryAccount("sales"))
    said: list[str] = attrs.Factory(list)
    refusals: Refusals = attrs.Factory(lambda self: self.fresh(), takes_self=True)
    _count: int = 0

    def fresh(self) -> Refusals:
        """As after a restart."""
        return Refusals(self.store, lambda: self.now)

    async def reply(self, reply: Reply) -> None:
        self.said.append(reply.text)

    async def say(self, place: str, text: str = "no", *, message_id: str = "") -> list[str]:
        """What is said in answer to a message."""
        self._count += 1
        message = Message(
            platform="some",
            account="sales",
            id=message_id or f"m{self._count}",
            conversation=Conversation(place),
            sender=Sender(place),
            text="hello",
            context=self,  # type: ignore[arg-type]
        )
        await self.refusals.say(text, message)
        said, self.said = self.said, []
        return said


@pytest.fixture
def room() -> Room:
    return Room()


async def test_everybody_is_told_once_a_day(room: Room) -> None:
    assert await room.say("mei") == ["no"]
    assert await room.say("mei") == []
    assert await room.say("bo") == ["no"]
    room.now += DAY - 1
    assert await room.say("mei") == []
    room.now += 1
    assert await room.say("mei") == ["no"]
    assert await room.say("mei") == []


async def test_a_restart_does_not_repeat_it(room: Room) -> None:
    await room.say("mei")
    room.refusals = room.fresh()
    assert await room.say("mei") == []
    room.now += DAY
    room.refusals = room.fresh()
    assert await room.say("mei") == ["no"]


async def test_a_message_that_is_handled_again_is_answered_again(room: Room) -> None:
    """Its answer has the same key, so it is said once; if it was never kept, it is said now."""
    assert await room.say("mei", message_id="first") == ["no"]
    room.refusals = room.fresh()
    assert await room.say("mei", message_id="first") == ["no"]


async def test_an_empty_text_is_silence_and_leaves_nothing_behind(room: Room) -> None:
    assert await room.say("mei", "") == []
    assert await room.store.load(SCOPE) == {}


async def test_strangers_in_masses_neither_fill_the_store_nor_use_up_the_quota(room: Room) -> None:
    """One every ten seconds, for a day and a half."""
    told = 0
    for number in range(int(0.15 * DAY)):
        room.now += 10
        told += len(await room.say(f"stranger{number}"))
    assert told == 2 * MOST
    assert len(await room.store.load(SCOPE)) <= MOST
    room.now += DAY
    assert await room.say("mei") == ["no"]
    assert list(await room.store.load(SCOPE)) == ["mei"]


async def test_an_endless_id_is_not_kept_whole(room: Room) -> None:
    assert await room.say("x" * 100_000) == ["no"]
    [kept] = await room.store.load(SCOPE)
    assert len(kept) < 1000


async def test_a_clock_that_was_set_back_does_not_silence_for_long(room: Room) -> None:
    await room.say("mei")
    room.now -= 30 * DAY
    assert await room.say("mei") == ["no"]

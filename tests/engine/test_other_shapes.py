"""Platforms of another shape: answers in acknowledgements, accounts that listen."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.engine.conftest import OpenFake
from tests.engine.fake import FakeServer
from trio_bridge.messages import Message


async def test_the_answer_is_the_acknowledgement(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def handler(message: Message) -> str:
        await trio.sleep(float(message.text))
        return "pressed"

    async with open_fake(handler) as account:
        link = await server.connection()
        quick = link.push("q", "0.5", answer_within=2.0)
        slow = link.push("s", "5", answer_within=2.0)
        await trio.sleep(1)
        assert link.sent == [f"ack {quick} pressed"]
        await trio.sleep(1.5)
        assert link.sent == [f"ack {quick} pressed", f"ack {slow}"], "at the deadline the empty answer"
        await trio.sleep(100)
        assert account.counters.stored == 0
        assert account.counters.answered == 2
        again = link.push("q", "0.5", answer_within=2.0)
        await server.until(lambda: link.acked(again))


async def test_an_answering_handler_that_fails_is_said_to_have_failed(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def handler(message: Message) -> str:
        raise SystemExit

    async with open_fake(handler) as account:
        link = await server.connection()
        ack = link.push("q", answer_within=2.0)
        await server.until(lambda: bool(link.sent))
        assert link.sent == [f"refused {ack}"]
        assert account.counters.failed == account.counters.answered == 1
        assert account.generation == 1


async def test_answers_are_bounded_and_late_ones_are_empty(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    running = most = 0

    async def handler(message: Message) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await trio.sleep(1.5)
        finally:
            running -= 1
        return "x"

    async with open_fake(handler, workers=3):
        link = await server.connection()
        for index in range(200):
            link.push(f"q{index}", answer_within=2.0)
        await trio.sleep(3)
        assert most == 3
        assert len(link.sent) == 200
        assert sum(line.endswith(" x") for line in link.sent) == 3


async def test_a_copy_shares_the_answer_over_another_connection_too(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    runs = 0

    async def handler(message: Message) -> str:
        nonlocal runs
        runs += 1
        await trio.sleep(1)
        return f"run {runs}"

    async with open_fake(handler, backoff_min=0.25):
        link = await server.connection()
        lost = link.push("q", answer_within=2.0)
        await wait_all_tasks_blocked()
        link.lose()
        link = await server.connection(2)
        copy = link.push("q", answer_within=2.0)
        await server.until(lambda: link.acked(copy))
        assert link.sent == [f"ack {copy} run 1"], "and the lost one is answered nowhere"
        assert lost != copy
        later = link.push("q", answer_within=2.0)
        await server.until(lambda: link.acked(later))
        assert runs == 2


async def test_whoever_does_not_heed_a_cancellation_holds_up_neither_answers_nor_the_end_of_a_connection(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def handler(message: Message) -> str:
        if message.text == "hang":
            with trio.CancelScope(shield=True):
                await trio.sleep(100)
        return "x"

    async with open_fake(handler, workers=1):
        link = await server.connection()
        hung = link.push("a", "hang", answer_within=2.0)
        await wait_all_tasks_blocked()
        behind = link.push("b", answer_within=2.0)
        await trio.sleep(2.5)
        assert sorted(link.sent) == [f"ack {hung}", f"ack {behind}"]
        link.lose()
        begun = trio.current_time()
        link = await server.connection(2)
        assert trio.current_time() - begun < 5
        await trio.sleep(100)
        after = link.push("c", answer_within=2.0)
        await server.until(lambda: link.acked(after))
        assert link.sent == [f"ack {after} x"], "the slot is free when it has returned"


async def test_an_answer_may_reply_but_has_no_transaction(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def handler(message: Message) -> None:
        with pytest.raises(RuntimeError):
            async with message.transaction():
                pass
        await message.reply("noted")

    async with open_fake(handler):
        (await server.connection()).push("q", answer_within=2.0)
        await server.until(lambda: server.answers)
    assert server.answers == [("q/1", "noted")]


async def test_a_listening_account_serves_each_peer_on_its_own(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    handled: list[str] = []

    async def handler(message: Message) -> None:
        handled.append(message.id)

    async with open_fake(handler, listens=True) as account:
        await account.wait_ready()
        for _ in range(3):
            await server.peers_in.send(server.open_link())
        one, two, three = [await server.connection(number) for number in (1, 2, 3)]
        acks = [link.push(f"m{index}") for index, link in enumerate((one, two, three))]
        await wait_all_tasks_blocked()
        assert [link.acked(ack) for link, ack in zip((one, two, three), acks, strict=True)] == [True] * 3
        one.lose()
        two.leave()
        await trio.sleep(100)
        assert not one.is_open
        ack = three.push("m4")
        await server.until(lambda: three.acked(ack))
        assert account.state == "ready"
        copy = two.push("m4")
        await server.until(lambda: two.acked(copy))
    assert sorted(handled) == ["m0", "m1", "m2", "m4"]
    assert account.generation == 4


async def test_a_bug_in_the_connection_of_one_peer_is_its_own(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(None, listens=True) as account:
        for _ in range(2):
            await server.peers_in.send(server.open_link())
        one, two = await server.connection(1), await server.connection(2)
        one.lose(ZeroDivisionError("bug"))
        ack = two.push("m1")
        await server.until(lambda: two.acked(ack))
        assert not one.is_open
        assert account.state == "ready"


async def test_a_listening_account_stops_with_all_its_peers(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async with open_fake(None, listens=True):
        await server.peers_in.send(server.open_link())
        link = await server.connection()
    assert link.closed_at is not None


async def test_what_is_not_for_the_handler_is_done(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    async def handler(message: Message) -> None:
        raise AssertionError

    async with open_fake(handler) as account:
        link = await server.connection()
        ack = link.push("m1", ignore=True)
        await server.until(lambda: link.acked(ack))
        await wait_all_tasks_blocked()
        assert account.counters.gated == 1
        assert account.counters.handled == account.counters.failed == 0

"""A handler may have its message wait, for a reason that is not the message's."""

from __future__ import annotations

import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import trio
from trio.testing import MockClock

from tests.engine.conftest import OpenFake
from tests.engine.fake import FakeServer
from trio_bridge.agents.protocol import OpenableAgent
from trio_bridge.engine.environment import Environment
from trio_bridge.errors import Postponed
from trio_bridge.messages import Message
from trio_bridge.stores.memory import MemoryStore


async def test_a_postponed_message_costs_no_attempt_and_is_answered_in_the_end(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    runs: list[float] = []

    async def handler(message: Message) -> str:
        runs.append(trio.current_time())
        if len(runs) <= 50:
            raise Postponed("the model is away", retry_after=10.0)
        return "here"

    async with open_fake(handler, max_attempts=2) as account:
        (await server.connection()).push("m1")
        await server.until(lambda: server.answers)
        assert server.texts == ["here"]
        assert len(runs) == 51
        assert account.counters.failed == account.counters.interrupted == 0
        assert account.alarms == frozenset()
        assert all(late - early >= 10.0 for early, late in itertools.pairwise(runs))


async def test_a_postponed_message_keeps_its_place(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    away = True

    async def handler(message: Message) -> str:
        if away:
            raise Postponed("the model is away")
        return message.text

    async with open_fake(handler):
        link = await server.connection()
        for number in range(3):
            link.push(f"m{number}", str(number))
        await trio.sleep(60)
        assert not server.answers
        away = False
        await server.until(lambda: len(server.answers) == 3)
        assert server.texts == ["0", "1", "2"]


async def test_a_reply_that_had_begun_goes_on_under_its_key(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    runs = 0

    async def handler(message: Message) -> None:
        nonlocal runs
        runs += 1
        async with message.stream() as out:
            await out.write("half")
            if runs == 1:
                raise Postponed("the model is away")
            await out.replace("the whole answer")

    async with open_fake(handler):
        (await server.connection()).push("m1")
        await server.until(lambda: server.answers)
        assert server.answers == [("m1/1", "the whole answer")]


async def test_a_reply_that_had_begun_ends_though_the_handler_says_nothing_any_more(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    runs = 0

    async def handler(message: Message) -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            async with message.stream() as out:
                await out.write("half")
                raise Postponed("the model is away")

    async with open_fake(handler):
        (await server.connection()).push("m1")
        await server.until(lambda: server.answers)
        assert server.answers == [("m1/1", "⚠ (interrupted)")]


async def test_an_agent_is_given_the_store_of_its_bridge(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    seen: list[object] = []

    class Curious(OpenableAgent):
        @asynccontextmanager
        async def open(self, environment: Environment) -> AsyncGenerator[Any]:
            seen.append(environment.store)
            yield None

    store = MemoryStore()
    async with open_fake(Curious(), store=store):
        assert seen == [store]


async def test_a_handler_can_tell_whether_its_message_was_seen_before(
    autojump_clock: MockClock, server: FakeServer, open_fake: OpenFake
) -> None:
    seen: list[bool] = []

    async def handler(message: Message) -> str:
        seen.append(message.again)
        if len(seen) == 1:
            raise Postponed("the model is away")  # nothing was done: it was not seen
        if len(seen) == 2:
            raise RuntimeError("no")
        return "done"

    async with open_fake(handler):
        (await server.connection()).push("m1")
        await server.until(lambda: server.answers)
        assert seen == [False, False, True]

"""Agents that have to be opened, alone and several behind one handler."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import attrs
import pytest
from trio.testing import MockClock

from tests.engine.conftest import virtual_environment
from tests.engine.fake import Fake, FakeServer
from trio_bridge import ConfigError, Message, open_bridge
from trio_bridge.agents import Agent, Echo, OpenableAgent, Route, Router
from trio_bridge.engine.environment import Environment


@attrs.define(eq=False)
class Parrot(OpenableAgent):
    """Answers with its own name, while it is open."""

    name: str
    life: list[str] = attrs.Factory(list)

    @asynccontextmanager
    async def open(self, environment: Environment) -> AsyncGenerator[Agent]:
        self.life.append("opened")

        async def answer(message: Message) -> str:
            return f"{self.name}: {message.text}"

        try:
            yield answer
        finally:
            self.life.append("closed")


class Broken(OpenableAgent):
    @asynccontextmanager
    async def open(self, environment: Environment) -> AsyncGenerator[Agent]:
        raise ConfigError("no beak")
        yield Echo()


async def test_an_agent_is_open_while_the_bridge_is(autojump_clock: MockClock) -> None:
    server, parrot = FakeServer(), Parrot("polly")
    async with open_bridge([Fake(name="sales", server=server)], parrot, environment=virtual_environment()):
        (await server.connection()).push("1", "hello")
        await server.until(lambda: server.texts == ["polly: hello"])
        assert parrot.life == ["opened"]
    assert parrot.life == ["opened", "closed"]


async def test_each_account_is_answered_by_its_own_agent_and_a_shared_one_is_opened_once(
    autojump_clock: MockClock,
) -> None:
    polly = Parrot("polly")
    router = Router(routes=[Route(account="b", agent=Echo()), Route(account="c", agent=polly)], default=polly)
    servers = {name: FakeServer() for name in "abc"}
    accounts = [Fake(name=name, server=server) for name, server in servers.items()]
    async with open_bridge(accounts, router, environment=virtual_environment()):
        for name, expected in (("a", "polly: hi"), ("b", "hi"), ("c", "polly: hi")):
            server = servers[name]
            (await server.connection()).push("1", "hi")
            await server.until(lambda server=server: server.texts)
            assert server.texts == [expected]
    assert polly.life == ["opened", "closed"]


async def test_without_a_default_what_no_route_is_about_is_done_without_an_answer(autojump_clock: MockClock) -> None:
    server = FakeServer()
    router = Router(routes=[Route(account="elsewhere", agent=Echo())])
    async with open_bridge([Fake(name="a", server=server)], router, environment=virtual_environment()) as bridge:
        (await server.connection()).push("1", "hi")
        await server.until(lambda: bridge.account("a").statistics().counters.handled == 1)
    assert server.texts == []


async def test_a_router_may_be_the_agent_of_a_route(autojump_clock: MockClock) -> None:
    server, polly = FakeServer(), Parrot("polly")
    router = Router(routes=[Route(account="a", agent=Router(default=polly))], default=polly)
    async with open_bridge([Fake(name="a", server=server)], router, environment=virtual_environment()):
        (await server.connection()).push("1", "hi")
        await server.until(lambda: server.texts == ["polly: hi"])


async def test_an_agent_that_cannot_be_opened_ends_the_opening_and_closes_the_others(autojump_clock: MockClock) -> None:
    polly = Parrot("polly")
    router = Router(routes=[Route(account="a", agent=polly), Route(account="b", agent=Broken())])
    with pytest.raises(ConfigError, match="no beak"):
        async with open_bridge([], router, environment=virtual_environment()):
            raise AssertionError("unreachable")
    assert polly.life == ["opened", "closed"]


async def test_the_plain_probe_opens_and_closes(autojump_clock: MockClock) -> None:
    polly = Parrot("polly")
    assert await polly.probe(virtual_environment()) == "can be opened"
    assert polly.life == ["opened", "closed"]


async def test_a_router_is_probed_by_probing_every_agent(autojump_clock: MockClock) -> None:
    polly = Parrot("polly")
    routes = [Route(account="a", agent=polly), Route(account="b", agent=Echo())]
    assert await Router(routes=routes, default=polly).probe(virtual_environment()) == "can be opened; ready"
    assert polly.life == ["opened", "closed"]
    with pytest.raises(ConfigError, match="no beak"):
        await Router(routes=routes, default=Broken()).probe(virtual_environment())

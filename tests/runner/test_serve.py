"""A configuration, run: from the first signal to the exit code."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trio
from rich.console import Console
from trio.testing import MockClock

from tests.engine.conftest import virtual_environment
from tests.engine.fake import Fake, FakeServer
from trio_bridge.agents.config import EchoConfig
from trio_bridge.agents.protocol import Agent
from trio_bridge.agents.routing import Route, Router
from trio_bridge.messages import Message
from trio_bridge.runner.exits import ExitCode
from trio_bridge.runner.loading import RunnerConfig
from trio_bridge.runner.serve import serve

AGENT = ("agent",)


class Running:
    """A bridge of one account ``sales`` that is being served."""

    def __init__(self) -> None:
        self.server = FakeServer()
        self.ended = trio.Event()
        self.exit_code: ExitCode | None = None
        self.screen = Console(file=io.StringIO(), force_terminal=True, width=150)

    async def serve(self, agents: dict[str, Agent], store: str = "memory:") -> None:
        config = RunnerConfig(
            file=Path("bridge.toml"),
            store=store,
            accounts=tuple(Fake(name=name, server=self.server) for name in agents),
            agents={AGENT: EchoConfig()},
        )
        router = Router(routes=[Route(account=name, agent=agent) for name, agent in agents.items()])
        self.exit_code = await serve(config, router, self.screen, virtual_environment())
        self.ended.set()


@pytest.fixture
async def running() -> AsyncIterator[Running]:
    with trio.fail_after(3600):
        yield Running()


def send(number: signal.Signals = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


def takes(seconds: float) -> tuple[Agent, trio.Event]:
    """An agent that needs so long, and whether it has begun."""
    begun = trio.Event()

    async def answer(message: Message) -> str:
        begun.set()
        await trio.sleep(seconds)
        return "done"

    return answer, begun


async def test_a_signal_lets_handlers_finish_and_their_answers_leave(
    running: Running, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    agent, begun = takes(15)
    nursery.start_soon(running.serve, {"sales": agent})
    (await running.server.connection()).push("m1")
    await begun.wait()
    send()
    await running.ended.wait()
    assert running.exit_code is ExitCode.CLEAN
    assert running.server.texts == ["done"]


async def test_what_takes_longer_than_the_grace_is_named_and_ends_with_70(
    running: Running, nursery: trio.Nursery, autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    agent, begun = takes(60)
    nursery.start_soon(running.serve, {"sales": agent})
    (await running.server.connection()).push("m1")
    await begun.wait()
    asked_at = trio.current_time()
    send()
    await running.ended.wait()
    assert running.exit_code is ExitCode.UNFINISHED
    assert 20 <= trio.current_time() - asked_at <= 25
    assert capsys.readouterr().err == "left unfinished: sales: handlers that were cut off: 1\n"


async def test_a_second_signal_ends_at_once(
    running: Running, nursery: trio.Nursery, autojump_clock: MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    agent, begun = takes(15)
    nursery.start_soon(running.serve, {"sales": agent})
    (await running.server.connection()).push("m1")
    await begun.wait()
    send()
    await trio.sleep(3)
    asked_at = trio.current_time()
    send(signal.SIGINT)
    await running.ended.wait()
    assert running.exit_code is ExitCode.UNFINISHED
    assert trio.current_time() - asked_at <= 5
    assert capsys.readouterr().err == "ended before everything was finished; it is stored\n"
    assert running.server.texts == []


async def test_each_message_goes_to_the_agent_of_its_account(
    running: Running, nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    def says(text: str) -> Agent:
        async def answer(message: Message) -> str:
            return f"{text}: {message.account}"

        return answer

    nursery.start_soon(running.serve, {"sales": says("one"), "support": says("two")})
    await running.server.connection(2)
    for number, connection in enumerate(running.server.connections):
        connection.push(f"m{number}")
    await running.server.until(lambda: len(running.server.texts) == 2)
    assert set(running.server.texts) == {"one: sales", "two: support"}
    send()
    await running.ended.wait()


async def test_a_table_shows_the_accounts(running: Running, nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    nursery.start_soon(running.serve, {"sales": takes(0)[0]})
    await running.server.connection()
    await trio.sleep(2)
    send()
    await running.ended.wait()
    assert isinstance(running.screen.file, io.StringIO)
    assert "sales" in running.screen.file.getvalue()


@pytest.mark.parametrize(
    ("store", "line"),
    [
        (lambda here: f"sqlite:{here}/gone/b.db", "bridge.toml: store.url: "),
        (lambda here: "pigeons:", "bridge.toml: store 'pigeons:': expected memory: or sqlite:PATH"),
    ],
)
async def test_a_store_that_cannot_be_opened_is_one_line_and_78(
    running: Running, tmp_path: Path, store: Callable[[Path], str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").touch()
    await running.serve({"sales": takes(0)[0]}, store(tmp_path))
    assert running.exit_code is ExitCode.UNUSABLE
    [said] = capsys.readouterr().err.splitlines()
    assert said.startswith(line)

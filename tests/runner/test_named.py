"""An agent that can't be opened: one line for each reason, with the agent's table, and 78."""

from __future__ import annotations

import io
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import trio
from rich.console import Console
from trio.testing import MockClock

from tests.engine.conftest import virtual_environment
from trio_bridge.runner.exits import ExitCode
from trio_bridge.runner.loading import RunnerConfig
from trio_bridge.runner.serve import serve

MODULE = """
from contextlib import asynccontextmanager

import trio

from trio_bridge import ConfigError
from trio_bridge.agents import OpenableAgent

def connect():
    raise OSError("no database")

class Clerk(OpenableAgent):
    @asynccontextmanager
    async def open(self, environment):
        {open}
        async def answer(message): return "yes"
        yield answer

clerk = Clerk()
"""
CONFIG = """
[accounts.sales]
platform = "letters"
client_id = "1"
key = "hush"
agent = "my clerk"
[agents."my clerk"]
kind = "python"
handler = "clerk_of_test_named:clerk"
"""
Hire = Callable[[str], RunnerConfig]


@pytest.fixture
async def hire(
    load: Callable[..., RunnerConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Hire]:
    """A configuration whose agent does this when it is opened."""
    monkeypatch.setattr(sys, "path", [*sys.path])

    def hire(what: str) -> RunnerConfig:
        (tmp_path / "clerk_of_test_named.py").write_text(MODULE.replace("{open}", what))
        return load(CONFIG, agent="")

    yield hire
    sys.modules.pop("clerk_of_test_named")


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("connect()", ["OSError: no database (clerk_of_test_named.py:10 in connect)"]),
        ("async with trio.open_nursery(): connect()", ["OSError: no database (clerk_of_test_named.py:10 in connect)"]),
        ("raise ConfigError('no desk', 'no chair')", ["no desk", "no chair"]),
        ("raise ConfigError()", ["ConfigError (clerk_of_test_named.py:15 in open)"]),
    ],
)
async def test_what_it_raised_is_said_with_its_table(
    hire: Hire, what: str, said: list[str], capsys: pytest.CaptureFixture[str], autojump_clock: MockClock
) -> None:
    config = hire(what)
    code = await serve(config, config.build_agent(), Console(file=io.StringIO()), virtual_environment())
    assert code is ExitCode.UNUSABLE
    assert capsys.readouterr().err.splitlines() == [f'bridge.toml: agents."my clerk": {line}' for line in said]


async def test_a_cancellation_is_not_the_fault_of_an_agent_that_opens_slowly(
    hire: Hire, autojump_clock: MockClock
) -> None:
    agent = hire("await trio.sleep(60)").build_agent()
    with trio.move_on_after(5) as patience:
        async with agent.open(virtual_environment()):
            raise AssertionError("it was not open yet")
    assert patience.cancelled_caught

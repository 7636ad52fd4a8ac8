"""The page about the simulated gateway names every verb and every key, and a bridge that is well passes its scripts."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import MockClock

from tests.docs.conftest import DOCS
from trio_bridge import open_account
from trio_bridge.engine.environment import Environment
from trio_bridge.engine.executors import inline
from trio_bridge.errors import BridgeError
from trio_bridge.platforms.openclaw.config import OpenClaw
from trio_bridge.runner.simulating.news import News
from trio_bridge.runner.simulating.openclaw import SIMULATED
from trio_bridge.runner.simulating.openclaw_script import OpenClawScript
from trio_bridge.runner.simulating.performance import Performance
from trio_bridge.runner.simulating.platforms import Stage
from trio_bridge.runner.simulating.script import load_script
from trio_bridge.testing.openclaw import TOKEN
from trio_bridge.transport.memory import MemoryNetwork

PAGE = (DOCS / "simulating-openclaw.md").read_text(encoding="utf-8")
SCRIPTS = sorted((DOCS / "examples" / "simulating-openclaw").iterdir())


async def nobody_types() -> AsyncGenerator[str]:
    return
    yield


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
async def test_a_bridge_that_is_well_passes_every_script(file: Path, autojump_clock: MockClock) -> None:
    network = MemoryNetwork()
    script = load_script(file, SIMULATED.script, SIMULATED.verbs)
    news: list[News] = []
    async with trio.open_nursery() as nursery:

        async def be_a_bridge(url: str) -> None:
            config = OpenClaw(name="bridge", url=url, token=TOKEN)
            world = Environment(network=network, rand=lambda: 0.5, disk=inline)
            async with open_account(config, environment=world) as account:
                for number in range(100):
                    await account.wait_ready()
                    with suppress(BridgeError):  # What is lost with a connection is asked again, as something else.
                        async with account.api.chat("main", f"hello {number}") as run:
                            async for _ in run:
                                pass
                    await trio.sleep(10)

        def greet(stage: Stage) -> None:
            nursery.start_soon(be_a_bridge, stage.url)

        performance = Performance(
            simulated=SIMULATED,
            script=script,
            typed=nobody_types(),
            greet=greet,
            tell=news.append,
            until_done=True,
        )
        with trio.fail_after(3600):
            right = await performance.run(0, network, trio.Event())
        nursery.cancel_scope.cancel()
    assert right, news[-1].facts["wrong"]


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_every_script_is_shown(file: Path) -> None:
    assert f"examples/simulating-openclaw/{file.name}" in PAGE
    assert max(map(len, file.read_text(encoding="utf-8").splitlines())) <= 88


def test_the_page_has_every_verb_with_every_key_of_it() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)$", PAGE, re.MULTILINE))
    for verb, cls in SIMULATED.verbs.items():
        keys = {field.name for field in attrs.fields(cls)} - {verb, "after"}
        assert {key for key in keys if f"`{key}`" not in rows[verb]} == set(), verb


def test_the_page_has_every_key_that_stands_before_the_steps() -> None:
    for field in attrs.fields(OpenClawScript):
        assert f"`{field.name}`" in PAGE


def test_the_page_has_every_event() -> None:
    files = (Path(__file__).parents[2] / "trio_bridge" / "runner" / "simulating").glob("*.py")
    told = [file for file in files if not file.name.startswith(("dingtalk", "feishu", "chat"))]
    sources = [file.read_text(encoding="utf-8") for file in told]
    events = set(re.findall(r'(?:News|_say|_gone|_complain)\(\s*"(\w+)"', "\n".join(sources)))
    assert {"asked", "answered", "unmet"} <= events
    assert {event for event in events if f"`{event}`" not in PAGE} == set()

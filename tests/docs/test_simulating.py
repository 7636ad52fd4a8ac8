"""The page about the simulator names every verb and every key, and its scripts are played to a bot that passes them."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import MockClock

from tests.docs.conftest import DOCS
from trio_bridge import DingTalk, Message, open_account
from trio_bridge.engine.environment import Environment
from trio_bridge.platforms.dingtalk.gateway.model import Rules
from trio_bridge.runner.simulating.dingtalk import SIMULATED
from trio_bridge.runner.simulating.dingtalk_script import Client, DingTalkScript
from trio_bridge.runner.simulating.news import News
from trio_bridge.runner.simulating.performance import Performance
from trio_bridge.runner.simulating.platforms import Stage
from trio_bridge.runner.simulating.script import load_script
from trio_bridge.transport.memory import MemoryNetwork

PAGE = (DOCS / "simulating.md").read_text(encoding="utf-8")
SCRIPTS = sorted((DOCS / "examples" / "simulating").iterdir())


async def echo(message: Message) -> str:
    return message.text or "a picture"


async def nobody_types() -> AsyncGenerator[str]:
    return
    yield


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
async def test_a_bot_that_is_well_passes_every_script(file: Path, autojump_clock: MockClock) -> None:
    network = MemoryNetwork()
    script = load_script(file, SIMULATED.script, SIMULATED.verbs)
    news: list[News] = []
    async with trio.open_nursery() as nursery:

        async def be_a_bot(url: str) -> None:
            config = DingTalk(
                name="bot", client_id="dingsimulated", client_secret="for tests only", endpoint=url, oapi_endpoint=url
            )
            async with open_account(config, echo, environment=Environment(network=network)):
                await trio.sleep_forever()

        def greet(stage: Stage) -> None:
            nursery.start_soon(be_a_bot, stage.url)

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
    assert f"examples/simulating/{file.name}" in PAGE
    assert max(map(len, file.read_text(encoding="utf-8").splitlines())) <= 88


def test_the_page_has_every_verb_with_every_key_of_it() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)$", PAGE, re.MULTILINE))
    keys = {
        verb: {field.name for field in attrs.fields(cls)} - {verb, "after"} for verb, cls in SIMULATED.verbs.items()
    }
    assert {
        verb: set(re.findall(r"`(\w+)`", rows.get(verb, ""))) >= names for verb, names in keys.items()
    } == dict.fromkeys(keys, True)


@pytest.mark.parametrize("cls", [DingTalkScript, Client, Rules])
def test_the_page_has_every_key_before_the_steps(cls: type[object]) -> None:
    assert [field.name for field in attrs.fields(cls) if f"`{field.name}`" not in PAGE] == []


def test_the_page_has_every_event() -> None:
    runner = DOCS.parent / "trio_bridge" / "runner"
    files = [runner / "simulate.py", *(runner / "simulating").glob("*.py")]
    files = [file for file in files if not file.name.startswith(("openclaw", "feishu"))]  # they have pages of their own
    source = "".join(file.read_text(encoding="utf-8") for file in files)
    told = set(re.findall(r'(?:News|_say|_message|_connection|_complain)\(\s*"(\w+)"', source))
    assert len(told) > 10
    assert {event for event in told if f"`{event}`" not in PAGE} == set()

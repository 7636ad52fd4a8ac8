"""The page about the simulated Feishu names every verb and every key, and a bot that is well passes its scripts."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from tests.docs.conftest import DOCS
from trio_bridge import Feishu, Message, open_account
from trio_bridge.engine.environment import Environment
from trio_bridge.runner.simulating.feishu import SIMULATED
from trio_bridge.runner.simulating.feishu_script import CALLS, Client, FeishuScript, ScriptRules
from trio_bridge.runner.simulating.news import News
from trio_bridge.runner.simulating.performance import Performance
from trio_bridge.runner.simulating.platforms import Stage
from trio_bridge.runner.simulating.script import load_script
from trio_bridge.transport.memory import MemoryNetwork
from trio_bridge.transport.network import Network
from trio_bridge.transport.tcp import SystemNetwork

PAGE = (DOCS / "simulating-feishu.md").read_text(encoding="utf-8")
FOLDER = DOCS / "examples" / "simulating-feishu"
SCRIPTS = sorted(FOLDER.iterdir())


async def echo(message: Message) -> str:
    return message.text


async def nobody_types() -> AsyncGenerator[str]:
    return
    yield


async def play(script: FeishuScript, network: Network, **keys: Any) -> list[str]:
    """Play the script to a bot with these keys; what was wrong in the end."""
    news: list[News] = []
    async with trio.open_nursery() as nursery:

        async def be_a_bot(url: str) -> None:
            config = Feishu(name="bot", app_id="cli_simulated", app_secret="for tests only", domain=url, **keys)
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
            await performance.run(0, network, trio.Event())
        nursery.cancel_scope.cancel()
    wrong: list[str] = news[-1].facts["wrong"]
    return wrong


@pytest.mark.parametrize("name", ["talk.toml", "trouble.toml"])
async def test_a_bot_that_is_well_passes_every_script(name: str, autojump_clock: MockClock) -> None:
    script = load_script(FOLDER / name, SIMULATED.script, SIMULATED.verbs)
    assert await play(script, MemoryNetwork()) == []


async def test_a_bot_that_is_called_passes_its_script() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    script = load_script(FOLDER / "webhook.toml", FeishuScript, SIMULATED.verbs)
    [client] = script.clients
    script = attrs.evolve(script, clients=(attrs.evolve(client, webhook=f"http://127.0.0.1:{port}/feishu"),))
    keys = {"encrypt_key": client.encrypt_key, "verification_token": client.verification_token}
    assert await play(script, SystemNetwork(), mode="webhook", listen=f"127.0.0.1:{port}", **keys) == []


@pytest.mark.parametrize("file", SCRIPTS, ids=lambda file: file.name)
def test_every_script_is_shown(file: Path) -> None:
    assert f"examples/simulating-feishu/{file.name}" in PAGE
    assert max(map(len, file.read_text(encoding="utf-8").splitlines())) <= 88


def test_the_page_has_every_verb_with_every_key_of_it() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|(.*)$", PAGE, re.MULTILINE))
    for verb, cls in SIMULATED.verbs.items():
        keys = {field.name for field in attrs.fields(cls)} - {verb, "after"}
        assert {key for key in keys if f"`{key}`" not in rows.get(verb, "")} == set(), verb
    assert [call for call in CALLS if f'`"{call}"`' not in rows["fail"]] == []


@pytest.mark.parametrize("cls", [FeishuScript, Client, ScriptRules])
def test_the_page_has_every_key_before_the_steps(cls: type[object]) -> None:
    assert [field.name for field in attrs.fields(cls) if f"`{field.name}`" not in PAGE] == []


def test_the_page_has_every_event() -> None:
    runner = DOCS.parent / "trio_bridge" / "runner"
    files = [runner / "simulate.py", *(runner / "simulating").glob("*.py")]
    files = [
        file for file in files if not file.name.startswith(("openclaw", "dingtalk"))
    ]  # they have pages of their own
    source = "".join(file.read_text(encoding="utf-8") for file in files)
    told = set(re.findall(r'(?:News|_say|_message|_connection|_complain)\(\s*"(\w+)"', source))
    assert len(told) > 10
    assert {event for event in told if f"`{event}`" not in PAGE} == set()

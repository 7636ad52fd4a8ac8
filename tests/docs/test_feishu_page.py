"""The examples of the page about Feishu do what it says, on a simulated one."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from shutil import copy
from typing import Any

import attrs
import pytest
import trio

import trio_bridge
from tests.docs.conftest import DOCS, Import
from tests.docs.real import SECRET
from tests.platforms.feishu.account_stage import simulated
from trio_bridge.engine.bridge import Bridge
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.runner.loading import load_config
from trio_bridge.testing.feishu import FeishuSimulator
from trio_bridge.testing.openclaw import OpenClawSimulator

EXAMPLES = DOCS / "examples"
ADA = {"union_id": "on_ada"}

Shown = pytest.CaptureFixture[str]


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with what the files name; what is imported from there is forgotten afterwards."""
    for name in ("bot.toml", "leave.toml", "leave.py"):
        copy(EXAMPLES / "feishu" / name, tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("FEISHU_SECRET", SECRET)
    yield tmp_path
    sys.modules.pop("leave", None)


@asynccontextmanager
async def running(name: str, home: Path) -> AsyncGenerator[tuple[FeishuSimulator, Bridge]]:
    """A bridge that runs a file, with its app at a simulated Feishu."""
    config = load_config(home / name)
    agent: Any = config.build_agent()
    async with simulated() as feishu:
        [account] = config.accounts
        assert isinstance(account, Feishu)
        feishu.add_app(account.app_id, account.app_secret.read())
        moved = attrs.evolve(account, domain=feishu.url)
        async with trio_bridge.open_bridge([moved], agent, environment=feishu.environment) as bridge:
            await bridge.account("hr").wait_ready()
            yield feishu, bridge


async def test_the_first_file_hears_whom_its_comments_say(autojump_clock: object, at_home: Path) -> None:
    async with running("bot.toml", at_home) as (feishu, _):
        await feishu.say("by a stranger", sender="ou_dan", conversation="oc_team")
        await feishu.say("not to the bot", sender="ou_cy", conversation="oc_team", mention=False)
        await feishu.say("elsewhere", sender="ou_cy", conversation="oc_other")
        await feishu.ask("alone", sender="ou_cy")
        await feishu.ask("in the team", sender="ou_cy", conversation="oc_team")
        await feishu.ask("by the door", sender="ou_cy", conversation="oc_lobby", mention=False)
        await feishu.say("by Ada", sender="ou_ada", changes={"event": {"sender": {"sender_id": ADA}}})
        assert (await feishu.next_reply()).text == "by Ada"
    assert [sent.text for sent in feishu.sent] == ["alone", "in the team", "by the door", "by Ada"]


async def test_leave_is_asked_for_and_one_person_decides(
    autojump_clock: object, at_home: Path, example: Import, capsys: Shown
) -> None:
    program = example("feishu/leave.py")
    async with running("leave.toml", at_home) as (feishu, bridge):
        for _ in range(2):
            await program.request(bridge.account("hr"), "oc_team", "1 to 3 May")
        [card] = feishu.sent
        approve, _decline = card.content["elements"][1]["actions"]
        seen = await feishu.press(card, approve["value"])
        assert (seen.toast, seen.card) == ("Only Ada decides.", None)
        seen = await feishu.press(card, approve["value"], changes={"event": {"operator": ADA}})
        assert (seen.toast, seen.card["elements"][0]["text"]["content"]) == ("Noted.", "Approve: 1 to 3 May")

        reaction = {"message_id": "om_7", "reaction_type": {"emoji_type": "DONE"}, "operator_type": "user"}
        feishu.event("im.message.reaction.created_v1", reaction)
        feishu.event("im.chat.member.bot.added_v1", {"chat_id": "oc_9", "name": "Sales", "external": False})
        assert await feishu.ask("and for me?") == "Ask Ada for leave."
        await trio.sleep(1)
    assert sorted(capsys.readouterr().out.splitlines()) == ["done: om_7", "in a new group: Sales"]


async def test_agents_of_a_gateway_answer_here_too(autojump_clock: object) -> None:
    async with simulated() as feishu:
        world, agent = feishu.environment, trio_bridge.agents.OpenClaw(token=SECRET)
        async with (
            OpenClawSimulator(network=world.network, wall=world.wall, port=18789, token=SECRET),
            feishu.open_account(agent),
        ):
            assert await feishu.ask("hello") == "you said hello"
            assert await feishu.ask("hello", conversation="oc_team") == "you said hello"

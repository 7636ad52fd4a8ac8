"""The examples of the page on agents do what it says."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

import trio_bridge
from tests.docs.conftest import Import, dingtalk, example
from tests.docs.real import move
from trio_bridge.testing.dingtalk import DingTalkSimulator
from trio_bridge.testing.openai import OpenAISimulator

__all__ = ["dingtalk", "example"]


async def test_a_model_in_trouble(autojump_clock: object, dingtalk: DingTalkSimulator, example: Import) -> None:
    await example("model_in_trouble.py").test_people_get_whole_answers(autojump_clock, dingtalk)


async def test_a_bot_that_asks(example: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SALES_SECRET", "hush")
    program = example("asking.py")
    with trio.fail_after(30):
        async with DingTalkSimulator() as dingtalk, OpenAISimulator(models=["qwen3:8b"]) as model:
            dingtalk.add_app("dingsales", "hush")
            move(dingtalk, monkeypatch)
            agent = trio_bridge.agents.OpenAI
            monkeypatch.setattr(trio_bridge.agents, "OpenAI", lambda **given: agent(**{**given, "url": model.url}))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(program.main)
                assert await dingtalk.ask("tea?") == "you said tea?"
                nursery.cancel_scope.cancel()
    assert model.asked[0].messages == [("system", "You answer in a bookshop. Be brief."), ("user", "tea?")]

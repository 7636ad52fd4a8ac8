"""What the README shows works when it is pasted."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from shutil import copy

import pytest
import trio

from tests.docs.conftest import DOCS
from tests.docs.real import SECRET, move, moved
from trio_bridge import open_bridge
from trio_bridge.runner.loading import load_config
from trio_bridge.testing.dingtalk import DingTalkSimulator

README = DOCS.parent / "README.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_readme_has_one_program_and_one_file() -> None:
    assert (len(blocks("python")), len(blocks("toml"))) == (1, 1)


async def test_its_program_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [source] = blocks("python")
    monkeypatch.chdir(tmp_path)
    started = []
    with monkeypatch.context() as patch, trio.fail_after(30):
        async with DingTalkSimulator() as dingtalk, trio.open_nursery() as nursery:
            dingtalk.add_app("dingxxxx", "...")
            move(dingtalk, patch)
            patch.setattr(trio, "run", started.append)
            exec(compile(source, str(README), "exec"), {"__name__": "__main__"})
            [main] = started
            nursery.start_soon(main)
            assert await dingtalk.ask("hello") == "you said hello"
            nursery.cancel_scope.cancel()
    assert (tmp_path / "bridge.db").exists()


async def test_its_file_runs(
    autojump_clock: object, dingtalk: DingTalkSimulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [text] = blocks("toml")
    monkeypatch.setenv("DINGTALK_SECRET", SECRET)
    monkeypatch.setattr(sys, "path", [*sys.path])
    copy(DOCS / "examples" / "shop.py", tmp_path)
    (tmp_path / "bridge.toml").write_text(text, encoding="utf-8")
    config = load_config(tmp_path / "bridge.toml")
    handler = config.build_agent()
    async with open_bridge(moved(config, dingtalk), handler, environment=dingtalk.environment):
        assert await dingtalk.ask("hello") == "you said hello"
    sys.modules.pop("shop")

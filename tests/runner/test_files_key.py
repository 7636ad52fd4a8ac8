"""``[store] files``: where received files land, said in a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio
from rich.console import Console

from tests.runner.letters import Load, Problems
from trio_bridge.runner.loading import load_config
from trio_bridge.runner.serve import serve
from trio_bridge.testing.dingtalk import DingTalkSimulator

LETTERS = '[accounts.sales]\nplatform = "letters"\nclient_id = "c1"\nkey = "hush"\n'

BRIDGE = """
[store]
files = "received"

[agent]
kind = "python"
handler = "fetching:fetch"

[accounts.sales]
platform = "dingtalk"
client_id = "dingsales"
client_secret = "secret"
reply_mode = "text"
endpoint = "{url}"
oapi_endpoint = "{url}"
"""
FETCHING = """
async def fetch(message):
    return str(await message.download(message.attachments[0]))
"""


def test_the_folder_is_relative_to_the_file(load: Load, tmp_path: Path) -> None:
    assert load(LETTERS).files is None
    assert load(LETTERS + '[store]\nfiles = "received"\n').files == tmp_path / "received"
    assert load(LETTERS + '[store]\nfiles = "/var/lib/received"\n').files == Path("/var/lib/received")


def test_what_is_no_folder_is_refused(problems: Problems) -> None:
    assert problems(LETTERS + "[store]\nfiles = 5\n") == ["store.files: expected a path, not 5"]


async def test_files_of_a_bridge_that_is_run_land_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fetching.py").write_text(FETCHING)
    with trio.fail_after(30):
        async with DingTalkSimulator() as dingtalk, trio.open_nursery() as nursery:
            dingtalk.add_app("dingsales", "secret")
            (tmp_path / "bridge.toml").write_text(BRIDGE.format(url=dingtalk.url))
            config = load_config(tmp_path / "bridge.toml")
            nursery.start_soon(serve, config, config.build_agent(), Console(force_terminal=False))
            await dingtalk.next_connection()
            await dingtalk.send_file(b"x", "a.txt")
            path = Path((await dingtalk.next_reply()).text)
            nursery.cancel_scope.cancel("the test is over")
    assert path.parent == tmp_path / "received"
    assert os.listdir(tmp_path / "received") == [path.name]

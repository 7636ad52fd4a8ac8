"""The example that has a bot live in a web application."""

from __future__ import annotations

import socket
import time
from functools import partial
from pathlib import Path

import pytest
import trio

import trio_bridge
from tests.docs.conftest import Import
from tests.platforms.feishu.calls import KEY, TOKEN, encrypted, said
from tests.platforms.feishu.posting import get, post
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.testing.feishu import FeishuSimulator

APP_ID = "cli_00000000000000aa"
PATIENCE = 30
"""Real seconds for what takes one or two."""


async def test_a_bot_lives_in_a_web_application(
    example: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"APP_ID": APP_ID, "SECRET": "s3cr3t", "ENCRYPT_KEY": KEY, "TOKEN": TOKEN}
    for name, value in given.items():
        monkeypatch.setenv(f"FEISHU_{name}", value)
    program = example("mounting_feishu.py")
    with trio.fail_after(PATIENCE), socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        async with FeishuSimulator() as cloud, trio.open_nursery() as nursery:
            cloud.add_app(APP_ID, "s3cr3t")
            monkeypatch.setattr(trio_bridge, "Feishu", partial(Feishu, domain=cloud.url))
            nursery.start_soon(program.main, f"fd://{listener.detach()}")
            assert (await get(port, "/")).endswith(b"nothing to see")
            call = encrypted(said("hello", app_id=APP_ID, at=time.time()))
            assert (await post(port, call, at=time.time())).startswith(b"HTTP/1.1 200")
            assert (await cloud.next_reply()).text == "you said hello"
            nursery.cancel_scope.cancel()
    assert (tmp_path / "bridge.db").exists()

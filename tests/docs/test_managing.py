"""The example in which people manage bots of their own."""

from __future__ import annotations

import socket
from functools import partial
from pathlib import Path

import httpx
import pytest
import trio

import trio_bridge
from tests.docs.conftest import Import
from trio_bridge.platforms.feishu.config import Feishu
from trio_bridge.testing.feishu import FeishuSimulator

APP_ID = "cli_00000000000000aa"
PATIENCE = 30
"""Real seconds for what takes one or two."""


async def test_people_manage_bots_of_their_own(
    example: Import, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APP_SECRET", "s3cr3t")
    program = example("managing.py")
    with trio.fail_after(PATIENCE), socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/api/bots"
        async with FeishuSimulator() as cloud, trio.open_nursery() as nursery:
            cloud.add_app(APP_ID, "s3cr3t")
            monkeypatch.setattr(trio_bridge, "Feishu", partial(Feishu, domain=cloud.url))
            nursery.start_soon(program.main, f"fd://{listener.detach()}")
            async with httpx.AsyncClient(headers={"Authorization": "Bearer token-of-ann"}, trust_env=False) as ann:
                assert await cloud.ask("hello") == "hr heard hello"
                assert (await ann.get(f"{url}/it/status")).status_code == 404
                assert (await ann.post(f"{url}/hr/disconnect")).json()["state"] == "disconnected"
                assert not cloud.connections
                assert (await ann.post(f"{url}/hr/connect?wait=10")).status_code == 200
                bob = {"Authorization": "Bearer token-of-bob"}
                refused = await ann.post(f"{url}/it/connect", headers=bob)
                assert refused.status_code == 422
                assert "app_id" in refused.json()["error"]["message"]
            nursery.cancel_scope.cancel()
    assert (tmp_path / "bots.db").exists()

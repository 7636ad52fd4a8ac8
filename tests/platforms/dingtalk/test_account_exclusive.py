"""One process of this machine holds an app; the others stand by.

Two connections of one app would each get some of its messages, by chance, and the platform says so to nobody.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.engine.rival import Rival
from tests.platforms.dingtalk.stage import Listener, simulated


async def test_trap_61_a_second_process_stands_by_until_the_first_is_gone(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    async with simulated(host="dingtalk.example") as stage:
        config = stage.dingtalk.config(allow_insecure=True)
        with Rival(f"dingtalk:{config.client_id}") as rival:
            async with stage.bridge([config], Listener()) as bridge:
                account = bridge.account("dingtalk")
                await account.wait_ready()
                assert not rival.gets_it()
                await bridge.stop("dingtalk")
                assert rival.gets_it()

                await bridge.start("dingtalk")
                await trio.sleep(1000)
                assert account.state == "standby"
                assert len(stage.dingtalk.open_calls) == 1
                error = account.statistics().last_error
                assert error is not None
                assert "another process" in error.message

                rival.kill()
                with trio.fail_after(66):
                    await account.wait_ready()
                pushed = await stage.dingtalk.say("hello")
                await stage.dingtalk.wait_replied(pushed)

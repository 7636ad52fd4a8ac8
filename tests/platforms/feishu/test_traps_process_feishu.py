"""What concerns the whole process, or two of them: what is loaded for Feishu, and who holds an app."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.engine.rival import Rival
from tests.platforms.feishu.account_stage import hearing, simulated
from trio_bridge.engine.states import AccountState
from trio_bridge.opening import open_bridge

BUDGET = 60
"""MiB of a process that has loaded everything that a connected account needs. It was 50."""


def test_trap_30_feishu_loads_no_sdk_and_fits_into_a_small_process() -> None:
    script = (
        "import sys, trio_bridge, trio_bridge.platforms.feishu.platform;"
        "print(*{'lark_oapi', 'google', 'requests', 'pydantic'} & {name.partition('.')[0] for name in sys.modules});"
        # Not ru_maxrss: that begins with what the process had that started this one.
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    heavy, used = ran.stdout.splitlines()
    assert heavy == ""
    assert int(used) / 1024 <= BUDGET


async def test_trap_34_a_second_process_stands_by_until_the_first_is_gone(
    autojump_clock: MockClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    heard: list[str] = []
    async with simulated(host="feishu.example") as feishu:
        config = feishu.config(allow_insecure=True)
        with Rival(f"feishu:{config.app_id}") as rival:
            assert rival.gets_it()
            async with open_bridge([config], hearing(heard), environment=feishu.environment) as bridge:
                account = bridge.account(config.name)
                await trio.sleep(1000)
                assert account.state is AccountState.STANDBY
                assert not feishu.discoveries
                error = account.statistics().last_error
                assert error is not None
                assert "another process" in error.message

                rival.kill()
                with trio.fail_after(66):
                    await account.wait_ready()
                await feishu.wait_acked(await feishu.say("hello"))
                await trio.sleep(1)
    assert heard == ["hello"]

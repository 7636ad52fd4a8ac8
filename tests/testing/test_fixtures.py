"""The fixtures in projects of their own, as users have them: each is run by a pytest of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from shutil import copytree
from textwrap import dedent

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "testing"


def run_pytest(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=short", "-W", "error"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False
    )


def project(folder: Path, test: str, conftest: str = "") -> Path:
    plugins = 'pytest_plugins = ["trio_bridge.testing.fixtures"]\n'
    (folder / "conftest.py").write_text(dedent(conftest) + plugins)
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_it.py").write_text(dedent(test))
    return folder


def test_the_project_in_the_documentation_passes(tmp_path: Path) -> None:
    done = run_pytest(copytree(EXAMPLE, tmp_path / "project"))
    assert done.returncode == 0, done.stdout
    assert "12 passed" in done.stdout


def test_a_failure_tells_what_happened_and_no_mode_is_needed(tmp_path: Path) -> None:
    test = """
        import pytest, trio

        pytestmark = pytest.mark.trio

        async def broken(message):
            raise ValueError("out of tea")

        async def test_a_bot_that_fails(autojump_clock, dingtalk):
            async with dingtalk.open_account(broken):
                await dingtalk.ask("tea, please")

        async def test_nobody_is_there(autojump_clock, dingtalk):
            await dingtalk.ask("tea, please")

        async def test_nothing_ends(autojump_clock, dingtalk):
            await trio.sleep_forever()

        async def test_time_that_jumps_with_sockets(autojump_clock, dingtalk_on_loopback):
            raise AssertionError("not reached")

        async def test_the_same_with_feishu(autojump_clock, feishu_on_loopback):
            raise AssertionError("not reached")
        """
    done = run_pytest(project(tmp_path, test))
    assert done.returncode == 1
    assert "5 failed" in done.stdout
    for said in (
        "the bot did not answer within 100 s",
        "message 0 'tea, please': once delivered, acknowledged, never answered",
        "account dingtalk: ready; gated 0, handled 0, handler failed 5 (see the log), sending failed 0, dead letters 1",
        "ValueError: out of tea",
        "no bot connected within 100 s",
        "the test did not end within 300,000 s. A clock that jumps waits for no thread",
        "the fixture 'dingtalk_on_loopback' needs real time",
        "the fixture 'feishu_on_loopback' needs real time",
    ):
        assert said in done.stdout


def test_without_pytest_trio_only_who_uses_a_fixture_is_told(tmp_path: Path) -> None:
    test = """
        def test_without():
            pass

        def test_with(dingtalk):
            pass

        def test_with_the_other(dingtalk_on_loopback):
            pass
        """
    hidden = "import sys\nsys.modules['pytest_trio'] = None\n"
    done = run_pytest(project(tmp_path, test, conftest=hidden), PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert "1 passed, 2 errors" in done.stdout
    for fixture in ("dingtalk", "dingtalk_on_loopback"):
        assert f"the fixture '{fixture}' needs pytest-trio: pip install pytest-trio" in done.stdout

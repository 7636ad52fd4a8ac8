"""The program from outside: what it prints, and how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import trio

from tests.runner.stored import configure
from trio_bridge import __version__
from trio_bridge.stores.sqlite import inline, open_sqlite
from trio_bridge.testing._store_check import reply

Run = Callable[..., subprocess.CompletedProcess[str]]

GOOD = """
[agent]
kind = "echo"
[accounts.sales]
platform = "dingtalk"
client_id = "dingtest"
client_secret = "hush"
"""


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the program in a folder of its own, to its end."""

    def run(
        *arguments: str, program: tuple[str, ...] = ("-m", "trio_bridge"), environment: Mapping[str, str] = {}
    ) -> subprocess.CompletedProcess[str]:
        command, surroundings = [sys.executable, *program, *arguments], {**os.environ, **environment}
        return subprocess.run(
            command, cwd=tmp_path, env=surroundings, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def test_it_knows_its_version(run: Run) -> None:
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"trio-bridge {__version__}\n", "")


@pytest.mark.parametrize("arguments", [[], ["run"], ["walk"], ["run", "bridge.toml", "--log-format", "xml"]])
def test_wrong_usage_ends_with_2(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "Usage: " in done.stderr


def test_letters_that_the_terminal_has_not_are_no_reason_to_fail(run: Run, tmp_path: Path) -> None:
    config, path = configure(tmp_path), tmp_path / "bridge.db"

    async def leave() -> None:
        async with open_sqlite(path, executor=inline) as store:
            account = await store.open_account("sales", platform="dingtalk")
            await account.enqueue([reply("m1/1", "好的")], now=0.0)

    trio.run(leave)
    done = run("outbox", "list", config.name, "--text", environment={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("text=??\n")


@pytest.mark.parametrize("library", ["click", "rich"])
def test_without_the_extra_it_says_what_to_install(run: Run, library: str) -> None:
    hidden = f"import sys; sys.modules[{library!r}] = None; import trio_bridge.runner.cli as c; c.main()"
    done = run(program=("-c", hidden))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"trio-bridge needs {library}: pip install 'trio-bridge[cli]'\n"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (None, ["bridge.toml: No such file or directory"]),
        ("[accounts\n", ["bridge.toml: line 1, column 10: Expected ']' at the end of a table declaration"]),
        ("", ["bridge.toml: accounts: expected at least one table [accounts.NAME]"]),
        (
            GOOD + "worker = 8\nworkers = '8'\n",
            [
                "bridge.toml: accounts.sales.worker: unknown key; did you mean workers?",
                'bridge.toml: accounts.sales.workers: expected a whole number ≥ 1, not "8"',
            ],
        ),
        (
            GOOD.replace('"hush"', '{ env = "NOBODY_SET_THIS" }'),
            ["bridge.toml: accounts.sales.client_secret: environment variable NOBODY_SET_THIS is not set"],
        ),
        (
            GOOD.replace('"echo"', '"python"\nhandler = "shop"'),
            ['bridge.toml: agent.handler: expected "package.module:function", not "shop"'],
        ),
    ],
)
def test_a_configuration_that_cannot_work_ends_with_78_and_a_line_for_each_problem(
    run: Run, tmp_path: Path, text: str | None, lines: list[str]
) -> None:
    if text is not None:
        (tmp_path / "bridge.toml").write_text(text)
    done = run("run", "bridge.toml")
    assert (done.returncode, done.stdout) == (78, "")
    assert done.stderr.splitlines() == lines

"""The agent that runs a program for each message, with real programs."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.agents.fifo import Fifo
from trio_bridge import Conversation, Message, Sender
from trio_bridge.agents import Command, CommandFailed
from trio_bridge.agents._program import OUTPUT
from trio_bridge.agents.command import TOLD, told
from trio_bridge.agents.config import CommandConfig
from trio_bridge.engine.environment import Environment
from trio_bridge.errors import ConfigError

HELLO = Message(
    platform="dingtalk",
    account="sales",
    id="m1",
    conversation=Conversation("c1", "group"),
    sender=Sender("s1", "Mei"),
    text="hello",
)
Sh = Callable[..., Command]


@pytest.fixture
def sh(tmp_path: Path) -> Sh:
    """An agent that runs a script beside the fifo."""

    def sh(script: str, **options: Any) -> Command:
        return Command(argv=["sh", "-c", script], directory=tmp_path, **options)

    return sh


def executable(path: Path, text: str = "#!/bin/sh\ncat\n") -> Path:
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("script", "reply"),
    [
        ("cat", "hello"),
        ("cat; echo; echo 好的; echo", "hello\n好的"),
        ("printf ' \\n x'", " \n x"),
        ("printf 'two\\r\\n'", "two"),
        ("true", None),
        ("echo", None),
    ],
)
async def test_what_a_program_prints_is_the_reply(sh: Sh, script: str, reply: str | None) -> None:
    assert await sh(script)(HELLO) == reply


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo half; exit 3", "ended with exit code 3"),
        ("kill -9 $$", r"was ended by signal 9 \(Killed\)"),
        ("printf 'ab\\377'", "printed what is not UTF-8, from byte 2 on"),
        ("yes", f"printed more than {OUTPUT} bytes, and was ended"),
    ],
)
async def test_what_else_a_program_does_is_a_failure(sh: Sh, script: str, why: str) -> None:
    with pytest.raises(CommandFailed, match=f"^sh {why}$"):
        await sh(script)(HELLO)


async def test_a_program_that_cannot_be_started_is_a_failure(tmp_path: Path) -> None:
    executable(tmp_path / "answer", "#!/nobody/here\n")
    with pytest.raises(CommandFailed, match=r"^\./answer can't be started: No such file or directory$"):
        await Command(argv=["./answer"], directory=tmp_path)(HELLO)


async def test_a_program_that_takes_too_long_is_ended_with_its_children(
    sh: Sh, fifo: Fifo, mock_clock: MockClock, nursery: trio.Nursery
) -> None:
    failed = trio.Event()

    async def run() -> None:
        with pytest.raises(CommandFailed, match=r"^sh ran longer than 7 s, and was ended$"):
            await sh("exec 3>fifo; (echo begun >&3; exec sleep 1000) & wait", timeout=7)(HELLO)
        failed.set()

    nursery.start_soon(run)
    await fifo.heard("begun")
    mock_clock.jump(7)
    await fifo.left()
    await failed.wait()


async def test_a_program_is_told_of_the_message(sh: Sh) -> None:
    reply = await sh("env | grep ^TRIO_BRIDGE_ | sort")(HELLO)
    assert reply is not None
    assert reply.splitlines() == [
        "TRIO_BRIDGE_ACCOUNT=sales",
        "TRIO_BRIDGE_CONVERSATION_ID=c1",
        "TRIO_BRIDGE_CONVERSATION_KIND=group",
        "TRIO_BRIDGE_MESSAGE_ID=m1",
        "TRIO_BRIDGE_PLATFORM=dingtalk",
        "TRIO_BRIDGE_SENDER_ID=s1",
        "TRIO_BRIDGE_SENDER_NAME=Mei",
        "TRIO_BRIDGE_SYSTEM_PROMPT=",
    ]


async def test_nothing_of_the_bridges_environment_gets_through_but_what_is_meant_to(
    sh: Sh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {})
    for name in ("PATH", "HOME", "LC_TIME", "SECRET", "MODEL_KEY", "TRIO_BRIDGE_TOKEN"):
        os.environ[name] = "/usr/bin:/bin"
    reply = await sh("env", pass_environment=["MODEL_KEY", "NOT_SET"])(HELLO)
    assert reply is not None
    names = {line.partition("=")[0] for line in reply.splitlines()}
    by_the_shell = {"PWD", "OLDPWD", "SHLVL", "_"}
    assert {name for name in names if not name.startswith("TRIO_BRIDGE_")} - by_the_shell == {
        "PATH",
        "HOME",
        "LC_TIME",
        "MODEL_KEY",
    }
    assert "TRIO_BRIDGE_TOKEN" not in names


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\0b", "a\N{REPLACEMENT CHARACTER}b"),
        ("\ud83d", "?"),
        ("a\n$(kill 0)`;'\"", "a\n$(kill 0)`;'\""),
        ("x" * 3_000_000, "x" * TOLD),
        ("x" + "é" * TOLD, "x" + "é" * (TOLD // 2 - 1)),
    ],
)
async def test_a_name_cannot_break_anything(sh: Sh, name: str, shown: str) -> None:
    message = attrs.evolve(HELLO, sender=Sender("s1", name))
    assert await sh('printf "%s" "$TRIO_BRIDGE_SENDER_NAME"')(message) == shown


@given(st.text(alphabet=st.characters()))
def test_whatever_a_message_says_can_be_passed_on(text: str) -> None:
    for value in told(attrs.evolve(HELLO, sender=Sender(text, text), id=text)).values():
        assert b"\0" not in os.fsencode(value)
        assert len(os.fsencode(value)) <= TOLD


@pytest.mark.parametrize(("text", "size"), [("\ud83d!", 2), ("é" * 500_000, 1_000_000), ("a\0b", 3), ("", 0)])
async def test_a_text_reaches_the_program_whatever_is_in_it(sh: Sh, text: str, size: int) -> None:
    reply = await sh("wc -c")(attrs.evolve(HELLO, text=text))
    assert int(reply or "") == size


async def test_what_a_program_says_is_logged_and_the_message_is_not(sh: Sh, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await sh("cat; echo one >&2; echo two >&2")(attrs.evolve(HELLO, text="private"))
    said = [record for record in caplog.records if record.getMessage() == "the program says"]
    assert [(vars(record)["account"], vars(record)["key"], vars(record)["line"]) for record in said] == [
        ("sales", "m1", "one"),
        ("sales", "m1", "two"),
    ]
    assert "private" not in "".join(str(vars(record)) for record in caplog.records)


async def test_a_program_with_a_slash_lies_in_the_directory_and_runs_there(tmp_path: Path) -> None:
    executable(tmp_path / "answer", "#!/bin/sh\npwd; echo $1\n")
    assert await Command(argv=["./answer", "a b"], directory=tmp_path)(HELLO) == f"{tmp_path}\na b"


async def test_a_bare_name_is_found_on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable(tmp_path / "answer")
    command = Command(argv=["answer"], directory="/")
    with pytest.raises(ConfigError, match=r"^argv: no program answer on the PATH; one beside this file is ./answer$"):
        command.check()
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert command.check() == tmp_path / "answer"
    assert await command(HELLO) == "hello"


def test_without_a_directory_it_runs_where_the_bridge_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Command(argv=["true"]).directory == tmp_path


@pytest.mark.parametrize("argv", ["./answer", [], [""]])
def test_a_command_is_a_list_that_names_a_program(argv: Any) -> None:
    with pytest.raises(ConfigError, match=r"^argv: expected the program and its arguments"):
        Command(argv=argv)


def test_a_nul_in_an_argument_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^argv: no program can be given a NUL character$"):
        Command(argv=["true", "a\0b"])


async def test_opening_checks_the_program_and_gives_the_handler(tmp_path: Path) -> None:
    command, environment = Command(argv=["./answer"], directory=tmp_path), Environment()
    with pytest.raises(ConfigError, match=f"^argv: there is no file {tmp_path}/answer$"):
        async with command.open(environment):
            raise AssertionError("unreachable")
    (tmp_path / "answer").touch(0o644)
    with pytest.raises(ConfigError, match=rf"^argv: {tmp_path}/answer can't be executed: chmod \+x$"):
        await command.probe(environment)
    executable(tmp_path / "answer")
    assert await command.probe(environment) == f"{tmp_path}/answer can be executed"
    async with command.open(environment) as answer:
        assert await answer(HELLO) == "hello"


def test_a_table_makes_it_in_the_directory_of_the_file(tmp_path: Path) -> None:
    executable(tmp_path / "answer")
    config = CommandConfig(argv=("./answer",), timeout=9.0, pass_environment=("MODEL_KEY",))
    assert config.build(tmp_path) == Command(
        argv=("./answer",), timeout=9.0, pass_environment=("MODEL_KEY",), directory=tmp_path
    )


def test_a_table_whose_program_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^argv: there is no file"):
        CommandConfig(argv=("./answer",)).build(tmp_path)

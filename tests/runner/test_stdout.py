"""Stdout that can't be written: one line says so, wherever in the program it was noticed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

IN_A_NURSERY = """
import trio
from trio_bridge.runner.stdout import stdout_of_any_kind

async def show():
    print("figures", flush=True)

async def serve():
    async with trio.open_nursery() as nursery:
        nursery.start_soon(show)

with stdout_of_any_kind():
    trio.run(serve)
"""
LEFT_FOR_THE_END = """
from trio_bridge.runner.stdout import stdout_of_any_kind

with stdout_of_any_kind():
    print("figures")
    raise SystemExit(0)
"""
PROGRAMS = [["-m", "trio_bridge", "--help"], ["-c", IN_A_NURSERY], ["-c", LEFT_FOR_THE_END]]


def outcome(program: list[str], stdout: int, unbuffered: str = "") -> tuple[int, str]:
    command, environment = [sys.executable, *program], {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run(
        command, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_what_cannot_be_printed_is_one_line_and_1(program: list[str], unbuffered: str, tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    with (tmp_path / "there").open() as unwritable:
        assert outcome(program, unwritable.fileno(), unbuffered) == (1, "stdout: Bad file descriptor\n")


@pytest.mark.parametrize("program", PROGRAMS)
def test_of_a_reader_that_went_away_nothing_is_said(program: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert outcome(program, writing) == (1, "")
    finally:
        os.close(writing)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_stdout_that_was_closed_takes_everything(program: list[str]) -> None:
    closed = f"import os, sys; os.close(1); os.execv(sys.executable, [sys.executable, *{program!r}])"
    assert outcome(["-c", closed], subprocess.DEVNULL) == (0, "")

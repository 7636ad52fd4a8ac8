"""Lines come in and go out without ever holding up the loop, whatever is at the other end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_bridge.runner.simulating import stdio
from trio_bridge.runner.simulating.stdio import LinesShown, lines_typed


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """What is written here is read there."""
    theirs, ours = os.pipe()
    monkeypatch.setattr(stdio, "STDIN", theirs)
    yield ours
    for end in (theirs, ours):
        try:
            os.close(end)
        except OSError:
            assert end == ours  # the test closed it


@pytest.fixture
def stdout(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """What is written there can be read here."""
    ours, theirs = os.pipe()
    monkeypatch.setattr(stdio, "STDOUT", theirs)
    yield ours
    os.close(ours)
    os.close(theirs)


async def all_lines() -> list[str]:
    with trio.fail_after(5):
        async with aclosing(lines_typed()) as lines:
            return [line async for line in lines]


async def test_lines_are_whole_however_they_come(stdin: int) -> None:
    async with trio.open_nursery() as nursery:

        async def type_slowly() -> None:
            for piece in (
                b"on",
                b"e\ntwo\n\n  \nth",
                "gr\u00fc\u00df".encode()[:3],
                "gr\u00fc\u00df".encode()[3:],
                b"\xff",
            ):
                os.write(stdin, piece)
                await wait_all_tasks_blocked()
            os.close(stdin)

        nursery.start_soon(type_slowly)
        assert await all_lines() == ["one", "two", "thgrüß\ufffd"]


async def test_a_line_that_does_not_end_is_ended(stdin: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "LONGEST_LINE", 4)
    async with aclosing(lines_typed()) as lines:
        for text in ("abcdef", "ghijkl"):
            os.write(stdin, text.encode())
            with trio.fail_after(5):
                assert await anext(lines) == text


@pytest.mark.parametrize("text", ["one\ntwo", ""])
async def test_a_file_is_read_to_its_end(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "lines"
    file.write_text(text)
    with file.open() as opened:
        monkeypatch.setattr(stdio, "STDIN", opened.fileno())
        assert await all_lines() == text.split()


def test_what_is_closed_is_opened_to_nothing() -> None:
    look = (
        "import os; os.close(0); os.close(1); from trio_bridge.runner.simulating.stdio import hold_places; "
        "hold_places(); assert os.read(0, 1) == b''; assert os.write(1, b'x') == 1"
    )
    assert subprocess.run([sys.executable, "-c", look], timeout=60, check=False).returncode == 0


async def test_nobody_reads_and_nothing_waits_for_that(stdout: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "FAREWELL", 0.05)
    monkeypatch.setattr(stdio, "UNREAD", 3)
    shown = LinesShown()
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(shown.run)
            for number in range(200):
                shown.put(f"{number:1000}")
                await trio.lowlevel.checkpoint()
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    written = os.read(stdout, 1_000_000).decode()
    assert written.splitlines()[:2] == [f"{0:1000}", f"{1:1000}"]


async def test_of_too_many_lines_the_newest_are_kept(stdout: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "UNREAD", 3)
    shown = LinesShown()
    for number in range(5):
        shown.put(str(number))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(shown.run)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert os.read(stdout, 1000).decode().split() == ["2", "3", "4"]


async def test_the_last_lines_are_shown_whole_after_the_end(stdout: int) -> None:
    shown = LinesShown()
    long = "x" * 200_000
    read = bytearray()

    async def take() -> None:
        while not read.endswith(b"last\n"):
            await trio.lowlevel.wait_readable(stdout)
            read.extend(os.read(stdout, 10_000))

    with trio.fail_after(5):
        async with trio.open_nursery() as reading:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(shown.run)
                shown.put("first")
                shown.put(long)
                await wait_all_tasks_blocked()  # it is in the middle of the long one
                reading.start_soon(take)
                shown.put("last")
                nursery.cancel_scope.cancel()
    assert read.decode() == f"first\n{long}\nlast\n"


async def test_a_reader_that_went_away_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    monkeypatch.setattr(stdio, "STDOUT", theirs)
    shown = LinesShown()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(shown.run)
        shown.put("to nobody")
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    os.close(theirs)

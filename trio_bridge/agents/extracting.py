"""The text in files that people send, for agents that understand only text."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import trio

from ..engine.programs import passed

PROGRAM: Final = Path(__file__).with_name("_text_of_file.py")

LIMIT: Final = 50_000
"""Characters: about as much as a model reads at a time."""

PATIENCE: Final = 20.0
"""Seconds for one file."""

AT_ONCE: Final = 2
"""Processes: each may take a core, and a gigabyte of memory."""

_TURNS: Final[trio.lowlevel.RunVar[trio.Semaphore]] = trio.lowlevel.RunVar("turns of extract_text")


async def extract_text(path: str | os.PathLike[str], *, limit: int = LIMIT) -> str | None:
    """The first ``limit`` characters of the text in a file; ``None`` where nobody can read it.

    Plain text in whatever form (``.txt``, ``.md``, ``.csv``, ``.json`` …), ``.docx``, and ``.pdf`` where the extra
    ``pdf`` is installed; the file's name does not matter. A process of its own reads it, with bounded memory, for at
    most 20 seconds, and without the secrets of our environment: files come from strangers. What is damaged, or a bomb,
    or takes longer, is ``None`` too. Two files are read at a time; the others wait for their turn.
    """
    command = [sys.executable, "-I", str(PROGRAM), os.fspath(path), str(limit)]
    async with _turns():
        with trio.move_on_after(PATIENCE):
            done = await trio.run_process(
                command, capture_stdout=True, stderr=subprocess.DEVNULL, check=False, env=passed(os.environ)
            )
            return done.stdout.decode() if done.returncode == 0 else None
    return None


def _turns() -> trio.Semaphore:
    """Those of this run of Trio."""
    try:
        return _TURNS.get()
    except LookupError:
        turns = trio.Semaphore(AT_ONCE)
        _TURNS.set(turns)
        return turns

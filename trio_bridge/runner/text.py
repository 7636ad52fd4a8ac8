"""Text that may have come from anywhere, made fit for a terminal and a log."""

from __future__ import annotations

LINE = 2000
"""Characters of a line: enough for an error with its place, little enough that a flood of them can be read."""


def one_line(text: str, limit: int = LINE) -> str:
    """``text`` as one line that shows what it is: no breaks, nothing invisible, at most ``limit`` long.

    Escaped are line ends, the sequences that command a terminal, and the marks that turn the direction of writing.
    """
    cut = text[:limit]
    shown = cut if cut.isprintable() else "".join(map(_shown, cut))
    return shown if len(shown) <= limit and cut == text else f"{shown[: limit - 1]}…"


def _shown(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")

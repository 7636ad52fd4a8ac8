"""Text as DingTalk shows it: plain or markdown, with a title, in pieces that it takes at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ...bots import cutting
from ...bots.cutting import Piece
from ...bots.fences import fence_after

TITLE: Final = 20
"""Characters of a title made from the text: what a notification shows."""

GIVEN_TITLE: Final = 64
NO_TITLE: Final = "通知"

PARAM_BYTES: Final = 15_000
"""Bytes of ``msgParam``, as documented for groups."""

ROOM: Final = PARAM_BYTES - 1000
"""What is left of them for the text: a title, the names of the fields and a fence take less than the rest."""


def title_of(text: str, given: str = "") -> str:
    """A title that is never empty: the given one, or the first line that has words."""
    if given.strip():
        return given.strip()[:GIVEN_TITLE]
    for line in text.splitlines():
        if words := line.lstrip("#*>- \t").strip():
            return words[:TITLE]
    return NO_TITLE


def with_loose_tables(text: str) -> str:
    """The text with an empty line before each table: one that touches a paragraph is not shown as a table."""
    out: list[str] = []
    fence = ""
    lines = text.split("\n")
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if not fence and _is_row(line) and _is_rule(following) and out and out[-1].strip() and not _is_row(out[-1]):
            out.append("")
        out.append(line)
        fence = fence_after(line, fence)
    return "\n".join(out)


def cut(text: str, limit: int) -> Iterator[Piece]:
    """Pieces of at most ``limit`` characters and of what ``msgParam`` can hold: see :mod:`trio_bridge.bots.cutting`."""
    return cutting.cut(text, limit, ROOM)


def _is_row(line: str) -> bool:
    words = line.strip()
    return len(words) > 1 and words[0] == words[-1] == "|"


def _is_rule(line: str) -> bool:
    return "-" in line and "|" in line and set(line) <= set(" \t\r:|-")

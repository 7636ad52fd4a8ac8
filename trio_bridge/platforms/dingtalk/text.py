"""Text as DingTalk shows it: plain or markdown, with a title, in pieces that it takes at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

import attrs

from ...bots.fences import fence_after, marks_of

TITLE: Final = 20
"""Characters of a title made from the text: what a notification shows."""

GIVEN_TITLE: Final = 64
NO_TITLE: Final = "通知"

PARAM_BYTES: Final = 15_000
"""Bytes of ``msgParam``, as documented for groups."""

_ROOM: Final = PARAM_BYTES - 1000
"""What is left of them for the text: a title, the names of the fields and a fence take less than the rest."""

# Each alternative stops at the next of its own signs, so that no text is read twice.
_MARKDOWN = re.compile(r"\n|^(#{1,6}|[-*+]|>|\d+\.)\s|\*\*[^*]+\*\*|`[^`]+`|~~[^~]+~~|\[[^\[\]]*\]\([^()\s]*\)")
_LONGEST_CLOSING: Final = 21


@attrs.frozen
class Piece:
    """A part of a text. ``opening`` and ``closing`` are a code fence that the cut went through."""

    body: str
    opening: str = ""
    closing: str = ""

    @property
    def shown(self) -> str:
        return f"{self.opening}{self.body}{self.closing}"


def is_markdown(text: str) -> bool:
    """Whether the text has a line break, or looks like markdown."""
    return _MARKDOWN.search(text) is not None


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
    """Pieces of at most ``limit`` characters and of what ``msgParam`` can hold, whose bodies are the text.

    They end at an empty line, a line's end or a blank where one is in reach, and a code fence that is cut is closed
    and opened again. ``limit`` is 100 or more.
    """
    fence = ""
    while text:
        opening = f"{fence}\n" if fence else ""
        piece = _whole(text, opening, limit)
        if piece is None:
            body = text[: _end(text, opening, limit)]
            fence = fence_after(body, fence)
            piece = Piece(body, opening, _closing(body, fence))
        yield piece
        text = text[len(piece.body) :]


def _whole(text: str, opening: str, limit: int) -> Piece | None:
    """All that is left, if it can be sent at a time."""
    fits = len(opening) + len(text) <= limit and _size(text) <= _ROOM
    return Piece(text, opening) if fits else None


def _end(text: str, opening: str, limit: int) -> int:
    """Where the next piece ends: at the best place in the second half of what can be sent."""
    most = limit - len(opening) - _LONGEST_CLOSING
    while _size(text[:most]) > _ROOM:
        most = most * 9 // 10
    for sign in ("\n\n", "\n", " "):
        place = text.rfind(sign, most // 2, most)
        if place >= 0:
            return place + len(sign)
    return most


def _closing(body: str, fence: str) -> str:
    return "" if not fence else marks_of(fence) if body.endswith("\n") else f"\n{marks_of(fence)}"


def _size(text: str) -> int:
    """Bytes of the text as a JSON string."""
    return len(json.dumps(text, ensure_ascii=False).encode())


def _is_row(line: str) -> bool:
    words = line.strip()
    return len(words) > 1 and words[0] == words[-1] == "|"


def _is_rule(line: str) -> bool:
    return "-" in line and "|" in line and set(line) <= set(" \t\r:|-")

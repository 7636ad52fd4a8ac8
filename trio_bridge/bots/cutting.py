"""A text in pieces that a platform takes at a time, cut where a reader would cut it."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

import attrs

from .fences import fence_after, marks_of

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


def cut(text: str, limit: int, room: int) -> Iterator[Piece]:
    """Pieces of at most ``limit`` characters and about ``room`` bytes as JSON, whose bodies are the text.

    They end at an empty line, a line's end or a blank where one is in reach, and a code fence that is cut is closed
    and opened again. ``limit`` is 100 or more; ``room`` leaves some for a fence.
    """
    fence = ""
    while text:
        opening = f"{fence}\n" if fence else ""
        piece = _whole(text, opening, limit, room)
        if piece is None:
            body = text[: _end(text, opening, limit, room)]
            fence = fence_after(body, fence)
            piece = Piece(body, opening, _closing(body, fence))
        yield piece
        text = text[len(piece.body) :]


def first_part(text: str, limit: int, room: int) -> int:
    """How many characters of the text are a good first part of at most about ``limit``, and ``room`` bytes."""
    return len(next(cut(text, max(100, limit), room)).body) if text else 0


def longest_start(text: str, room: int) -> int:
    """How many characters of the text have ``room`` bytes as JSON. For a text that grows it never becomes less."""
    if size(text) <= room:
        return len(text)
    return bisect_right(range(len(text)), room, key=lambda taken: size(text[:taken])) - 1


def divided(text: str, taken: int) -> tuple[str, str]:
    """The first ``taken`` characters, and the rest. Code that is cut is closed in the one and goes on in the other."""
    body, rest = text[:taken], text[taken:]
    fence = fence_after(body, "")
    if not fence or not rest.strip():
        return body, rest
    return f"{body.rstrip()}\n{marks_of(fence)}", f"{fence}\n{rest}"


def size(text: str) -> int:
    """Bytes of the text as a JSON string."""
    return len(json.dumps(text, ensure_ascii=False).encode())


def _whole(text: str, opening: str, limit: int, room: int) -> Piece | None:
    """All that is left, if it can be sent at a time."""
    fits = len(opening) + len(text) <= limit and size(text) <= room
    return Piece(text, opening) if fits else None


def _end(text: str, opening: str, limit: int, room: int) -> int:
    """Where the next piece ends: at the best place in the second half of what can be sent."""
    most = limit - len(opening) - _LONGEST_CLOSING
    while size(text[:most]) > room:
        most = most * 9 // 10
    for sign in ("\n\n", "\n", " "):
        place = text.rfind(sign, most // 2, most)
        if place >= 0:
            return place + len(sign)
    return most


def _closing(body: str, fence: str) -> str:
    return "" if not fence else marks_of(fence) if body.endswith("\n") else f"\n{marks_of(fence)}"

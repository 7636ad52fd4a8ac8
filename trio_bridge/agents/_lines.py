"""What a program says on stderr, as lines for a log: no longer and no more of them than a log can bear."""

from __future__ import annotations

from collections.abc import Iterator

LINE = 2000
"""Characters of one line. What is longer is cut, and ends in an ellipsis."""
SAID = 64 * 1024
"""Bytes of one run, and the rest of a piece: a long traceback or two. What says more has forgotten to stop."""
REST = "… what else it says is not logged"

_WIDEST = 4
"""Bytes of one character in UTF-8."""


class BoundedLines:
    """Pieces of bytes in, whole lines out. Empty lines are left out."""

    def __init__(self) -> None:
        self._begun = b""
        self._room = SAID

    def feed(self, piece: bytes) -> Iterator[str]:
        """The lines that end in ``piece``. Iterate over all of them before the next piece."""
        if self._room < 0:
            return
        self._room -= len(piece)
        *ended, begun = (self._begun + piece).split(b"\n")
        self._begun = begun[: LINE * _WIDEST + 1]
        yield from _shown(ended)
        if self._room < 0:
            yield from self.end()
            yield REST

    def end(self) -> Iterator[str]:
        """The last line, if it was not ended."""
        begun, self._begun = self._begun, b""
        yield from _shown([begun])


def _shown(lines: list[bytes]) -> Iterator[str]:
    for line in lines:
        text = line.decode("utf-8", "replace").rstrip()
        if text:
            yield text if len(text) <= LINE else f"{text[: LINE - 1]}…"

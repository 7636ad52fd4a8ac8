"""What a program says on stderr, as lines for a log: no longer and no more of them than a log can bear."""

from __future__ import annotations

from collections.abc import Iterator

LINE = 2000
"""Characters of one line. What is longer is cut, and ends in an ellipsis."""
SAID = 64 * 1024
"""Characters of one run: a long traceback or two. What says more has forgotten to stop."""
LEAST = 64
"""Characters that a line counts for at least: a log adds as many of its own. So there are at most 1024 lines."""
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
        *ended, begun = (self._begun + piece).split(b"\n")
        self._begun = begun[: LINE * _WIDEST + 1]
        for line in ended:
            yield from self._said(line)

    def end(self) -> Iterator[str]:
        """The last line, if it was not ended."""
        begun, self._begun = self._begun, b""
        yield from self._said(begun)

    def _said(self, line: bytes) -> Iterator[str]:
        """The line, while there is room for it; once, that there is none."""
        text = line.decode("utf-8", "replace").rstrip()
        if not text or self._room < 0:
            return
        text = text if len(text) <= LINE else f"{text[: LINE - 1]}…"
        self._room -= max(len(text), LEAST)
        yield text if self._room >= 0 else REST

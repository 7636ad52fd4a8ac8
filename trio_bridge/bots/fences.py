"""Code fences of markdown: what stands in one is text, and a text that is cut in one must be mended."""

from __future__ import annotations

import re
from typing import Final

_FENCE = re.compile(r" {0,3}(?P<marks>`{3,20}|~{3,20})(?P<info>[^`]*)")
_FENCE_INFO: Final = 20
"""Characters of a fence's language that are repeated when it is opened again."""


def fence_after(text: str, fence: str) -> str:
    """The fence that is open after ``text``, as it would be opened again; ``fence`` was open before. Empty: none."""
    for line in text.split("\n"):
        found = _FENCE.fullmatch(line)
        if found is None:
            continue
        marks, info = found["marks"], found["info"].strip()
        if not fence:
            fence = marks + info[:_FENCE_INFO]
        elif marks.startswith(marks_of(fence)) and not info:
            fence = ""
    return fence


def marks_of(fence: str) -> str:
    """What closes a fence."""
    return fence[: len(fence) - len(fence.lstrip(fence[0]))]

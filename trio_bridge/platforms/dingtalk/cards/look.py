"""Text as a card shows it. A card breaks lines only where it is told to, and knows tables only after an empty line."""

from __future__ import annotations

import re

from ....bots.fences import fence_after
from ....wire.jsontext import encodable
from ..text import with_loose_tables

_APART = re.compile(r"#{1,6}\s|[-*+]\s|\d{1,9}[.)]\s|\||[-*_=]{3,}\s*$|\s{2,}|\t|\s*$")
"""What begins a line that belongs to no paragraph: heading, list, table, rule, an indented or an empty line."""


def for_card(text: str) -> str:
    """The text with its line breaks kept: inside a paragraph and inside a quote as ``<br>``. Code is left alone."""
    text = with_loose_tables(encodable(text).replace("\r\n", "\n").replace("\r", "\n"))
    out: list[str] = []
    fence, before = "", ""
    for line in text.split("\n"):
        was, fence = fence, fence_after(line, fence)
        kind = "code" if was or fence else _kind_of(line)
        if kind == before and kind in ("paragraph", "quote"):
            out += "<br>", line if kind == "paragraph" else line.lstrip("> ")
        else:
            out += "\n", line
        before = kind
    return "".join(out[1:])


def while_growing(text: str) -> str:
    """The same for a text that is not whole: no line is left empty at its end."""
    return for_card(text).rstrip("\n")


def _kind_of(line: str) -> str:
    return "quote" if line.startswith(">") else "apart" if _APART.match(line) else "paragraph"

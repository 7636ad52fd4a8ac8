"""Markdown as the posts of Feishu show it. Pure.

They know bold, italic, struck out and underlined text, links, lists, quotes, code and rules. What else language models
write is put in those words:

1. Headings become bold lines, tables become code, in which columns still stand below each other.
2. A picture of the web becomes a link: posts show uploaded pictures only.
3. Lists begin with ``-`` or ``1.``, and each level is four spaces deeper.
4. Code stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from ....bots.fences import fence_after

LEVEL: Final = 4
"""Spaces of a level of a list."""
UNSEEN: Final = "\u200b"
"""What nobody sees, and what keeps a sign from being read as one."""

# Every repetition stops at the next of its own signs, or is short: no line is read twice.
_HEADING = re.compile(r" {0,3}#{1,6}[ \t]")
_RULE = re.compile(r" {0,3}(?:(?:-[ \t]*){3,}|(?:\*[ \t]*){3,}|(?:_[ \t]*){3,})")
_ITEM = re.compile(r"(?P<space>[ \t]*)(?P<sign>[-*+]|\d{1,9}[.)])[ \t]+(?P<words>.*)")
_PICTURE = re.compile(r"!(?P<link>\[[^\[\]\n]*\]\(https?://[^()\s]+\))", re.IGNORECASE)
_WORDS = r"[\w\s@.,:+()/-]"
_MENTION = re.compile(
    rf"""<at(?![\w>])(?P<whom>(?:\s+\w+\s*=\s*(?:"{_WORDS}*"|'{_WORDS}*'|[\w@.,:+-]+))+\s*/?>(?:[^<>]*</at>)?)?""",
    re.IGNORECASE,
)
_EVERYBODY = re.compile(r"""[=,"'\s]all[,"'\s/>]""", re.IGNORECASE)
_TABLE_RULE: Final = frozenset(" \t\r:|-")


def for_post(text: str) -> str:
    """The text as a post shows it best."""
    return "\n".join(_shown(text.split("\n")))


def without_everybody(text: str) -> str:
    """The text without a mention of everybody: only the word is left.

    A mention that is written otherwise than people are mentioned is none any more: who knows whom Feishu would read in
    it. It looks as before.
    """
    return _MENTION.sub(_without_everybody, text) if "<" in text else text


def _without_everybody(mention: re.Match[str]) -> str:
    if mention["whom"] is None:
        return f"<{UNSEEN}{mention[0][1:]}"
    return "@all" if _EVERYBODY.search(mention[0].partition(">")[0] + ">") else mention[0]


def _shown(lines: list[str]) -> Iterator[str]:
    fence, in_table = "", False
    levels: list[int] = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if not fence:
            is_table = "|" in line and (in_table or _is_table_rule(following))
            if is_table != in_table:
                yield "```"
            in_table = is_table
        before, fence = fence, fence_after(line, fence)
        yield line if before or fence or in_table else _line(line, levels)
    if in_table:
        yield "```"


def _line(line: str, levels: list[int]) -> str:
    """One line that is no code. ``levels`` are the indents of the lists that it may be in."""
    line = _PICTURE.sub(lambda picture: picture["link"], line)
    if _RULE.fullmatch(line):
        return " --- "
    if heading := _HEADING.match(line):
        return _heading(line[heading.end() :].strip())
    if item := _ITEM.fullmatch(line):
        sign = "-" if item["sign"] in "-*+" else f"{item['sign'][:-1]}."
        return f"{' ' * LEVEL * _level(item['space'], levels)}{sign} {item['words']}"
    if line.strip() and not line[0].isspace():
        levels.clear()
    return line


def _heading(words: str) -> str:
    bare = words.rstrip("#")  # which may close a heading, too
    if bare[-1:] in ("", " ", "\t"):
        words = bare.rstrip()
    if "<" not in words:  # or what is left might be a mention, which it was not
        words = words.replace("**", "")
    return f"**{words}**" if words else ""


def _level(space: str, levels: list[int]) -> int:
    """How deep an item is by its indent, which is noted."""
    indent = len(space.expandtabs(LEVEL))
    while levels and levels[-1] > indent:
        levels.pop()
    if not levels or levels[-1] < indent:
        levels.append(indent)
    return len(levels) - 1


def _is_table_rule(line: str) -> bool:
    return "|" in line and "-" in line and set(line) <= _TABLE_RULE

"""What a card looks like, and how a text is written in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from ....bots.fences import fence_after
from ....wire.jsontext import encodable
from ..sending.markdown import without_everybody
from ..settings.cards import CardSettings

ELEMENT: Final = "answer"
"""The part of a card that text is streamed into."""
TABLES: Final = 5
"""Tables that a card may hold. What is more is shown as code, in which columns still stand below each other."""
SUMMARY: Final = 60
"""Characters of what the list of conversations shows of a card."""

# Both stop at the next of their own signs: no text is read twice.
_PICTURE = re.compile(r"!\[(?P<words>[^\[\]\n]*)\]\((?P<url>https?://[^()\s]+)[^()\n]*\)", re.IGNORECASE)
_SIGNS = re.compile(r"[#*`>|~_]+")
_TABLE_RULE: Final = frozenset(" \t\r:|-")


def card_of(text: str, settings: CardSettings, *, growing: bool, failed: bool = False) -> dict[str, Any]:
    """The whole card. ``growing``: its readers are shown that more is to come."""
    config: dict[str, Any] = {"streaming_mode": growing, "update_multi": True}
    if not growing:
        config["summary"] = {"content": summary_of(text)}
    card: dict[str, Any] = {"schema": "2.0", "config": config}
    if settings.card_title.strip():
        title = {"tag": "plain_text", "content": settings.card_title.strip()}
        card["header"] = {"title": title, "template": "red" if failed else settings.card_theme}
    return {**card, "body": {"elements": [{"tag": "markdown", "element_id": ELEMENT, "content": text}]}}


def summary_of(text: str) -> str:
    """The beginning of a text in one line, without its signs of markdown."""
    return " ".join(_SIGNS.sub(" ", text[: 4 * SUMMARY]).split())[:SUMMARY] or text[:SUMMARY]


def for_card(text: str, *, at_all: bool) -> str:
    """The text as a card takes it: a picture of the web is a link, for cards show uploaded pictures only."""
    text = encodable(text)
    return "\n".join(_shown((text if at_all else without_everybody(text)).split("\n")))


def _shown(lines: list[str]) -> Iterator[str]:
    fence, tables, in_table = "", 0, False
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        is_table = not fence and "|" in line and (in_table or _is_table_rule(following))
        if is_table is not in_table:
            tables += is_table
            if tables > TABLES:
                yield "```"
        in_table = is_table
        before, fence = fence, "" if is_table else fence_after(line, fence)
        yield line if before or fence or is_table else _PICTURE.sub(_link, line)
    if in_table and tables > TABLES:
        yield "```"


def _link(picture: re.Match[str]) -> str:
    return f"[{picture['words'].strip() or picture['url']}]({picture['url']})"


def _is_table_rule(line: str) -> bool:
    return "|" in line and "-" in line and set(line) <= _TABLE_RULE

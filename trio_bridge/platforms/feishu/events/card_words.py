"""The words of a card that somebody sent, from top to bottom: what is left of it on its way to a bot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from ....wire.jsontext import word
from .reading import Reading

CARD_NODES: Final = 1000
"""Parts of a card that are looked at: its sender chooses how many there are."""

TEXTS: Final = frozenset(("plain_text", "lark_md", "markdown"))
INSIDE: Final = ("title", "subtitle", "text", "elements", "columns", "fields", "actions")
"""Where parts have parts, in the order in which they are shown."""


def read_card(data: Mapping[str, Any], reading: Reading) -> str:
    """The texts of a card, a line each. Its pictures are left out: they can't be downloaded."""
    title = data.get("title")
    lines = [title] if isinstance(title, str) and title else []
    lines += _texts([data.get(part) for part in ("header", "elements", "body")])
    return "\n".join(lines)


def _texts(parts: list[Any]) -> Iterator[str]:
    """Iterative, because the tree may be deeper than our stack."""
    waiting = parts[::-1]
    for _ in range(CARD_NODES):
        if not waiting:
            return
        node = waiting.pop()
        if isinstance(node, list):
            if _is_line(node):
                if line := "".join(word(part.get("text")) for part in node):
                    yield line
            else:
                waiting.extend(reversed(node))
        elif isinstance(node, dict):
            if node.get("tag") in TEXTS and isinstance(node.get("content"), str):
                yield node["content"]
            else:
                waiting.extend(node[part] for part in reversed(INSIDE) if part in node)


def _is_line(node: list[Any]) -> bool:
    """Whether it is one line of a simplified card: pieces of text beside each other."""
    return all(isinstance(part, dict) and part.get("tag") for part in node) and any(
        isinstance(part.get("text"), str) for part in node
    )

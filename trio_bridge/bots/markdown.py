"""Whether a text is markdown, as far as anybody can tell."""

from __future__ import annotations

import re

# Each alternative stops at the next of its own signs, so that no text is read twice.
_MARKDOWN = re.compile(r"\n|^(#{1,6}|[-*+]|>|\d+\.)\s|\*\*[^*]+\*\*|`[^`]+`|~~[^~]+~~|\[[^\[\]]*\]\([^()\s]*\)")


def is_markdown(text: str) -> bool:
    """Whether the text has a line break, or looks like markdown."""
    return _MARKDOWN.search(text) is not None

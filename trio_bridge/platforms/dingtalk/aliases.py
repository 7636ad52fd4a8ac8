"""Other robots, mentioned by the names that answers use for them."""

from __future__ import annotations

import re
from collections.abc import Mapping


class Aliases:
    """Finds ``@name`` in answers."""

    def __init__(self, ids: Mapping[str, str]) -> None:
        self._ids = ids
        names = "|".join(re.escape(name) for name in sorted(ids, key=len, reverse=True))
        self._mention = re.compile(rf"(?<!\w)@({names})(?!\w)") if ids else None

    def applied(self, text: str) -> tuple[str, tuple[str, ...]]:
        """The text with ``@id`` in place of each ``@name``, as a mention must be written; and whom it mentions."""
        if self._mention is None or "@" not in text:
            return text, ()
        found: dict[str, None] = {}

        def by_id(mention: re.Match[str]) -> str:
            found[self._ids[mention[1]]] = None
            return f"@{self._ids[mention[1]]}"

        return self._mention.sub(by_id, text), tuple(found)

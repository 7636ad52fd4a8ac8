"""What happens at a simulator, told as it happens: in words for people, in JSON for programs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from ..text import one_line


@attrs.frozen
class News:
    """One thing that happened."""

    event: str
    """What a program knows it by: ``connected``, ``acked``, ``replied``…"""
    words: str
    """The same for people."""
    facts: Mapping[str, Any] = attrs.Factory(dict)

    def as_json(self) -> str:
        """One object in one line, with the wall time in seconds. ASCII: what a bot said commands no terminal."""
        return json.dumps({"event": self.event, "at": round(time.time(), 3), **self.facts})

    def for_people(self, *, timed: bool) -> str:
        """One line, fit for a terminal whatever is in it."""
        return f"{time.strftime('%H:%M:%S ') if timed else ''}{one_line(self.words)}"


Tell = Callable[[News], None]

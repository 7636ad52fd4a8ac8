"""One card as the server knows it: what is on it, where it lies, and what its reader saw when."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

import attrs

from ....gateways.looks import Seen
from .contents import element_of, text_of_card

CardCall = Literal["create", "send", "stream", "settings", "replace", "patch", "update", "answer"]
"""What can be done to a card: ``update`` after a press, with its token; ``answer``: at once, by the answer to it."""


@attrs.frozen
class Look:
    """What the reader of a card sees from a moment on. ``by``: the call that made it so."""

    at: float
    by: CardCall
    text: str


@attrs.define(eq=False, kw_only=True)
class Card(Seen):
    """A card while it is written about."""

    id: str
    """Of CardKit; of a card that was sent as it is, that of its message."""
    app_id: str
    created_at: float
    entity: bool
    """Whether it is one of CardKit."""
    data: dict[str, Any]
    """The card in JSON, as it is now."""
    streaming_since: float | None = None
    """When it was last told to expect text; ``None`` while it is not."""
    message_id: str = ""
    """The message that shows it; empty before it is sent."""
    chat_id: str = ""
    sequence: int = 0
    """The number of the last call about it."""
    history: list[Look] = attrs.Factory(list)
    """What its reader saw, a look for every call that reached the reader."""
    calls: Counter[CardCall] = attrs.Factory(Counter)
    """The calls about it that were carried out."""
    jumps: int = 0
    """How often a streamed text did not begin with the one before: its reader saw no typing, but another text."""
    uuids: dict[str, Mapping[str, Any]] = attrs.Factory(dict)
    """The calls that came with a ``uuid``, by it."""

    @property
    def text(self) -> str:
        """The text on it."""
        return text_of_card(self.data)

    @property
    def streaming(self) -> bool:
        """Whether its reader is shown that more is to come."""
        return self.streaming_since is not None

    @property
    def shown(self) -> bool:
        """Whether anybody can see it."""
        return bool(self.message_id)

    @property
    def ended(self) -> bool:
        """Whether it rests where somebody sees it."""
        return self.shown and not self.streaming

    def write(self, data: Mapping[str, Any], now: float) -> None:
        """Put another card in its place."""
        self.data = copy.deepcopy(dict(data))
        self.configure({}, now)

    def configure(self, changes: Mapping[str, Any], now: float) -> None:
        """Change what it says about itself."""
        config = self.data.get("config")
        config = {**(config if isinstance(config, dict) else {}), **changes}
        if changes:
            self.data["config"] = config
        if not self.entity or config.get("streaming_mode") is not True:
            self.streaming_since = None
        elif self.streaming_since is None or changes.get("streaming_mode") is True:
            self.streaming_since = now

    def stream(self, element_id: str, text: str) -> bool:
        """Put the whole text into a part of it. False if that is no text."""
        part = element_of(self.data, element_id)
        if part is None or part.get("tag") not in ("markdown", "plain_text"):
            return False
        self.jumps += not text.startswith(str(part.get("content", "")))
        part["content"] = text
        return True

    def look(self, by: CardCall, now: float) -> None:
        """Have the reader see it as it is now."""
        self.calls[by] += 1
        if self.shown:
            self.history.append(Look(now, by, self.text))

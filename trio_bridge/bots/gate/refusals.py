"""What is said to those who are not heard."""

from __future__ import annotations

from collections.abc import Callable
from itertools import takewhile
from typing import Final

import trio

from ...engine.store import AccountStore
from ...messages import Message

SCOPE: Final = "notices"
DAY: Final = 86_400.0
MOST: Final = 1000
"""Conversations that get a notice within a day. Strangers in masses neither fill the store nor use up the quota."""
LONGEST_ID: Final = 256
"""Characters of an id that are worth being kept: strangers choose theirs themselves."""


class Refusals:
    """Says something once a day in each conversation, through restarts."""

    def __init__(self, store: AccountStore, wall: Callable[[], float]) -> None:
        self._store = store
        self._wall = wall
        self._said: dict[str, tuple[float, str]] | None = None
        """When, and which message it answered, by conversation; the oldest first. ``None``: not read yet."""
        self._one_at_a_time = trio.Lock()

    async def say(self, text: str, message: Message) -> None:
        """Answer a message that is refused, unless its conversation was told today. A message that is handled again,
        because it was not brought to its end, gets the same answer again: that is, once."""
        if text and await self._is_due(message):
            await message.reply(text)

    async def _is_due(self, message: Message) -> bool:
        place, now = message.conversation.id[:LONGEST_ID], self._wall()
        async with self._one_at_a_time:
            said = await self._read()
            at, answered = said.get(place, (-DAY, ""))
            if answered == message.id:
                return True
            # A clock that was set back is no reason to be silent for long.
            over = list(takewhile(lambda place: abs(now - said[place][0]) >= DAY, said))
            if abs(now - at) < DAY or len(said) - len(over) >= MOST:
                return False
            await self._store.save(SCOPE, {**dict.fromkeys(over), place: (now, message.id)})
            for old in [*over, place]:
                said.pop(old, None)
            said[place] = now, message.id
        return True

    async def _read(self) -> dict[str, tuple[float, str]]:
        if self._said is None:
            kept = await self._store.load(SCOPE)
            self._said = {place: (at, by) for place, (at, by) in sorted(kept.items(), key=lambda item: item[1][0])}
        return self._said

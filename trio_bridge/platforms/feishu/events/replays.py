"""Presses on cards: each reaches its handler once, however often and whichever way it comes.

Of stored events the store knows whether they came before, by their ids and for a day. So a call to a webhook that is
repeated while its signature is good changes nothing, and its nonce need not be remembered. A press on a card is not
stored: whoever repeats a call that he overheard would press the button again. So the ids of presses are remembered
here: a signature holds for a few minutes, and nobody makes more presses than this in that time.
"""

from __future__ import annotations

from typing import Final

REMEMBERED: Final = 10_000


class Replays:
    """The ids of the last presses."""

    def __init__(self, bound: int = REMEMBERED) -> None:
        self._bound = bound
        self._known: dict[str, None] = {}

    def is_known(self, key: str) -> bool:
        """Whether the press came before. From now on it did."""
        if key in self._known:
            return True
        self._known[key] = None
        if len(self._known) > self._bound:
            del self._known[next(iter(self._known))]
        return False

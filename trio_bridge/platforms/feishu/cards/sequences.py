"""The numbers of the changes of cards: each is higher than all before, over all kinds of changes of a card.

1. A life of the account numbers its changes in a block of its own, so that they are higher than those of earlier lives.
2. Of a card that nobody knows, the clock on the wall says where to begin: that is higher than any block.
3. Feishu says when a number was too low. Then the clock helps, too.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

BLOCK: Final = 100_000
"""Changes of one card in one life. Ten in a second take it through nearly three hours."""
REMEMBERED: Final = 10_000
"""Cards whose last number is remembered."""


class Sequences:
    """The last number of each card of an account."""

    def __init__(self, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._last: OrderedDict[str, int] = OrderedDict()

    def begin(self, card: str, life: int) -> None:
        """Number the changes of a card that this life takes up. Nothing, if it has done so before."""
        self._last.setdefault(card, life * BLOCK)

    def next(self, card: str) -> int:
        """The number for one more change of the card."""
        number = self._last.pop(card) + 1 if card in self._last else int(self._wall())
        return self._note(card, number)

    def skip(self, card: str) -> None:
        """Feishu knows higher numbers: go on above them, as far as anybody can tell."""
        self._note(card, max(self._last.pop(card, 0) + BLOCK, int(self._wall())))

    def _note(self, card: str, number: int) -> int:
        self._last[card] = number
        while len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        return number

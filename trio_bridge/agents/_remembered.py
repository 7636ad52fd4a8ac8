"""What an agent remembers of a conversation: its last turns, bounded in number and in characters.

It lies in the store, where anything may have happened to it: what has not the form that is written here is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

Turn = tuple[str, str]
"""What somebody said, and what was answered."""


@attrs.frozen
class Bounds:
    """How much is remembered. Older turns are forgotten first, and whole."""

    turns: int
    characters: int

    def last(self, turns: Iterable[Turn]) -> list[Turn]:
        """The last turns that fit."""
        kept: list[Turn] = []
        room = self.characters
        for turn in reversed(list(turns)):
            room -= sum(map(len, turn))
            if room < 0 or len(kept) == self.turns:
                break
            kept.append(turn)
        return kept[::-1]

    def read(self, stored: object) -> list[Turn]:
        """The last turns that fit, of what was stored."""
        return self.last(_turns(stored))


def _turns(stored: object) -> list[Turn]:
    turns: list[Turn] = []
    for item in stored if isinstance(stored, list) else []:
        match item:
            case [str(question), str(answer)]:
                turns.append((question, answer))
            case _:
                return []  # Not ours, so none of it is.
    return turns

"""How an event is cut into frames: well, and in every way in which that goes wrong. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

import attrs

MOST: Final = 10_000
"""Pieces of one event that anybody may be expected to put together."""


@attrs.frozen
class Piece:
    """What one frame holds of an event, and what it says of that."""

    sum: str
    seq: str
    chunk: bytes = attrs.field(repr=False)


@attrs.frozen(kw_only=True)
class Fragments:
    """How an event is cut into frames, and how those are sent.

    Wherever a cut falls is fine with the platform, also inside a character.
    """

    parts: int = attrs.field(default=3, validator=attrs.validators.ge(1))
    cuts: Sequence[int] | None = None
    """Bytes before each cut; equal ones make an empty piece. ``None``: as evenly as it goes, into ``parts``."""
    order: Sequence[int] | None = None
    """Numbers of the pieces as they are sent: in any order, twice, or not at all. ``None``: each once, in order."""
    gap: float = 0.0
    """Seconds between two frames."""
    labels: Mapping[int, tuple[str, str]] = attrs.field(factory=dict)
    """``sum`` and ``seq`` that a piece claims instead of the right ones, by its number."""

    def pieces(self, payload: bytes) -> list[Piece]:
        """What is sent, in order."""
        chunks = list(self._chunks(payload))
        whole = [
            Piece(*self.labels.get(number, (str(len(chunks)), str(number))), chunk)
            for number, chunk in enumerate(chunks)
        ]
        return [whole[number] for number in (range(len(whole)) if self.order is None else self.order)]

    def _chunks(self, payload: bytes) -> Iterator[bytes]:
        cuts = self.cuts
        if cuts is None:
            cuts = [len(payload) * number // self.parts for number in range(1, self.parts)]
        return (payload[begin:end] for begin, end in pairwise([0, *cuts, len(payload)]))


WHOLE = Fragments(parts=1)
"""One frame: how events come unless they are large."""


def is_complete(labels: Sequence[tuple[str | None, str | None]]) -> bool:
    """Whether a client that got frames with these ``sum`` and ``seq`` has it all. The first says how many there are."""
    total = labels[0][0] or ""
    if not total.isdecimal() or not 1 <= int(total) <= MOST:
        return False
    return {seq for each, seq in labels if each == total} >= {str(number) for number in range(int(total))}

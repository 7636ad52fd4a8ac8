"""What the reader of a card saw, look by look."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Protocol


class Look(Protocol):
    """What a reader sees from a moment on. ``by``: the call that made it so."""

    @property
    def at(self) -> float: ...

    @property
    def by(self) -> str: ...

    @property
    def text(self) -> str: ...


class Seen:
    """A card whose reader's looks are kept in its ``history``, in order."""

    __slots__ = ()

    history: Sequence[Look]

    @property
    def texts(self) -> Sequence[str]:
        """What its reader saw, in order, each text once."""
        texts = [look.text for look in self.history]
        return texts[:1] + [after for before, after in pairwise(texts) if after != before]

    @property
    def went_back(self) -> bool:
        """Whether its reader ever saw the beginning of a text after more of it: the sign of calls that overtook."""
        return any(before.startswith(after) for before, after in pairwise(self.texts))

    @property
    def intervals(self) -> Sequence[float]:
        """The seconds between one streamed text and the next."""
        times = [look.at for look in self.history if look.by == "stream"]
        return [after - before for before, after in pairwise(times)]

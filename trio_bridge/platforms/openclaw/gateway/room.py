"""A room where nothing goes on between two calls: what others are made of."""

from __future__ import annotations

from collections.abc import Sequence

from .methods import House


class QuietRoom:
    """Tells of nothing, waits for nothing and has nothing to end. Overwrite what is otherwise."""

    def __init__(self, house: House) -> None:
        self._house = house

    def events(self) -> Sequence[str]:
        return ()

    def busy(self) -> bool:
        return False

    def stop(self, *, killed: bool) -> None:
        """The gateway stops: what is known here is on its disk."""

    def start(self) -> None:
        """The gateway is there again."""

    @property
    def _modern(self) -> bool:
        """Whether the gateway speaks protocol 4."""
        return self._house.protocol == 4

"""What can be done to an answer, by name: once for each time it was scripted."""

from __future__ import annotations

from collections import deque

import attrs

from .methods import Refusal


@attrs.frozen
class Lost:
    """It is done, and its answer never comes."""


@attrs.frozen
class Late:
    """It is done at once, and answered this many seconds later."""

    seconds: float


@attrs.frozen
class Behind:
    """It is done at once, and answered after so many other answers on the connection."""

    answers: int = 1


@attrs.frozen
class Refuses:
    """It is not done, but refused."""

    refusal: Refusal


@attrs.frozen
class Closes:
    """The connection is closed instead of an answer, perhaps after it was done."""

    code: int = 1006
    """1006: without a close frame, by a TCP reset."""
    reason: str = ""
    done: bool = False


@attrs.frozen
class Says:
    """It is done, and this text goes out in the place of its answer: garbage, or something huge."""

    text: str = attrs.field(repr=False)


Act = Lost | Late | Behind | Refuses | Closes | Says


class Script:
    """What is to be done to the next answers, by method."""

    def __init__(self) -> None:
        self._acts: dict[str, deque[Act]] = {}

    def add(self, method: str, *acts: Act, times: int = 1) -> None:
        """Do these to the next answers of a method, one after another, the whole row ``times`` times."""
        self._acts.setdefault(method, deque()).extend(acts * times)

    def take(self, method: str) -> Act | None:
        """What is to be done to this answer."""
        acts = self._acts.get(method)
        return acts.popleft() if acts else None

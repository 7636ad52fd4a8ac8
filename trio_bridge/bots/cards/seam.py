"""What a platform's cards can do: the calls that make one, change it, and bring it to its end.

1. A call raises nothing: what came of it is a result.
2. A card has one call under way at a time, which is its owner's business.
3. What a call shows may be shown twice. Making a card and laying it before people may not, unless ``is_keyed`` says so.
"""

from __future__ import annotations

import abc
from typing import ClassVar, Final, Literal

import attrs

from ...errors import BridgeError, RequestFailed
from ...messages import Reply
from .record import Record

Verdict = Literal[
    "ok", "again", "unknown", "too_large", "unsafe", "not_allowed", "used_up", "not_understood", "refused"
]
"""What came of a call. ``again``: it was not carried out, and another try may cure that. ``unknown``: nobody knows, and
again may be twice. ``unsafe``: people are kept from reading this text. ``not_allowed``: the app may have no cards;
``used_up``: nor any other call of this kind, for a time. ``refused``: something about this card."""

NO_TEXT: Final = "…"
"""Shown by a card whose answer is empty: some platforms refuse an empty text."""
USELESS: Final = frozenset[Verdict]({"not_allowed", "used_up"})
"""Why the next card would not come to be either. Of one that was never made also a call that is not understood."""


@attrs.frozen(kw_only=True)
class Result:
    """What came of one call about a card."""

    verdict: Verdict
    words: str = ""
    """The platform's own, for logs."""
    error: BridgeError | None = None
    """The same as an exception, where it went wrong."""
    retry_after: float | None = None

    def raised(self) -> BridgeError:
        """What went wrong."""
        assert self.error is not None
        return self.error


class Rejected(RequestFailed):
    """What was to be shown is not allowed to be: the error of what is ``unsafe``."""


OK: Final = Result(verdict="ok")


class PlatformCard(abc.ABC):
    """One card, as its platform has it."""

    id: str
    """The platform's id of it; empty until it is made, where the platform gives it."""
    asker: str = ""
    """Whoever is answered by it."""

    def noted(self, record: Record) -> Record:
        """The record with all that is known of the card by now."""
        return attrs.evolve(record, id=self.id)

    @abc.abstractmethod
    async def create(self, text: str) -> Result:
        """Make it, seen by nobody. Of one that an earlier life may have made: make sure that it is there."""

    @abc.abstractmethod
    async def deliver(self) -> Result:
        """Lay it before people."""

    @abc.abstractmethod
    async def grow(self, text: str, *, first: bool) -> Result:
        """Show the newest text of an answer that is not whole. ``first``: this life has shown none yet.

        Its turn has come: it waits for no other.
        """

    @abc.abstractmethod
    async def show_whole(self, text: str, *, failed: bool) -> Result:
        """Show the whole answer, or a part of it that it has for good."""

    @abc.abstractmethod
    async def close(self, text: str, *, failed: bool, hasty: bool = False) -> Result:
        """Have it show this, and look busy no more. ``hasty``: without waiting for a turn."""


class PlatformCards(abc.ABC):
    """The cards of one account, as its platform has them."""

    is_keyed: ClassVar[bool] = False
    """Whether a card that is laid before people twice is seen once."""

    @abc.abstractmethod
    def wants_card(self, target: str) -> bool:
        """Whether answers that go there are to grow in cards."""

    @abc.abstractmethod
    def card(self, key: str, target: str = "", record: Record | None = None) -> PlatformCard:
        """The card for a reply; what an earlier life made, if there is a ``record`` of it.

        ``target`` is where it lies, or is to lie. It may be missing where a card is only brought to its end.
        """

    @abc.abstractmethod
    async def wait_turn(self) -> None:
        """Wait until one more call may be made: :meth:`PlatformCard.grow` is."""

    @abc.abstractmethod
    def apart(self, reply: Reply) -> Reply:
        """The reply with the files that its text names among its attachments."""

    @abc.abstractmethod
    def while_growing(self, text: str) -> str:
        """What a card shows of a text that is not whole."""

    @abc.abstractmethod
    def first_part(self, text: str, limit: int) -> int:
        """How many characters of a text are a good first part of about ``limit`` or fewer, which a card may take."""

    def room(self, text: str) -> int:
        """How many characters of a whole text a card takes, as far as that is known before it is asked."""
        return len(text)

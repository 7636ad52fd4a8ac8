"""Any card of the app, by its id, whoever made it; and cards that somebody pressed, by the token of the press."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ....errors import RequestFailed
from ....wire.jsontext import word
from ..rest.rest import answer_of
from .calls import CardCalls
from .face import FeishuCards
from .look import ELEMENT, card_of
from .presses import Presses


@attrs.frozen(eq=False, repr=False)
class CardsById:
    """What an application does with cards by hand. Each call is made once.

    All raise what :class:`~trio_bridge.feishu.FeishuApi` does; a ``card`` that is no JSON raises TypeError or
    ValueError.
    """

    _cards: FeishuCards
    _presses: Presses = attrs.field(factory=Presses)

    async def create(self, card: Mapping[str, Any]) -> str:
        """The id of a new card: its JSON, of schema 2.0. It is sent once, as a
        :class:`~trio_bridge.feishu.CardEntity`, and changed by its id for 14 days."""
        return word((await answer_of(self._calls.create(card), repeatable=True)).get("card_id"))

    async def replace(self, card_id: str, card: Mapping[str, Any]) -> None:
        """Put another card in the place of one: its JSON, of schema 2.0. Harmless to repeat."""
        await answer_of(self._calls.replace(card_id, card), repeatable=True)

    async def set_text(self, card_id: str, text: str, *, element: str = ELEMENT) -> None:
        """Show a text in one part of a card that expects text, as if it were typed. Harmless to repeat."""
        await answer_of(self._calls.stream(card_id, element, text), repeatable=True)

    async def finish(self, card_id: str, text: str) -> None:
        """Have a card look like an answer that is whole, whatever it was. Harmless to repeat."""
        text = self._cards.written(text)
        if not text.strip():
            raise RequestFailed("there is nothing to show", code="empty")
        await self.replace(card_id, card_of(text, self._cards.config, growing=False))

    async def update_pressed(self, token: str, card: Mapping[str, Any]) -> None:
        """Put another card in the place of one that was pressed, by the token of the press: twice at most, and within
        30 minutes. It waits until the press is answered, so a handler has another task do it."""
        await self._presses.wait_answered(token)
        await answer_of(self._calls.update_later(token, card))

    @property
    def _calls(self) -> CardCalls:
        return self._cards.calls

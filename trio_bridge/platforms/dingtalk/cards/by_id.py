"""Any card of the app, by its id, whoever made it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from ....bots.cards.card import Card, Manner
from ..failures import failure
from .calls import CardCalls
from .face import DingTalkCard, DingTalkCards
from .values import card_values


@attrs.frozen(eq=False)
class CardsById:
    """What an application does with cards by hand."""

    _calls: CardCalls
    _cards: DingTalkCards
    _manner: Manner

    async def update(self, card: str, data: Mapping[str, Any], private: Mapping[str, Mapping[str, Any]]) -> None:
        """Change values of a card.

        Raises:
          RequestFailed, RateLimited, NotSent, AccountRefused: it was not changed.
        """
        values = {user: card_values(each) for user, each in private.items()}
        outcome = await self._calls.update(card, card_values(data), values)
        if outcome.category != "ok":
            raise failure(outcome)

    async def finish(self, card: str, text: str) -> None:
        """End a card with a text.

        Raises:
          RequestFailed, RateLimited, NotSent, AccountRefused: it was not ended.
        """
        ended = Card(DingTalkCard(card, None, self._calls), self._cards, self._manner, "shown")
        if await ended.end(text, failed=False) is None:
            assert ended.trouble is not None
            raise ended.trouble.raised()

"""How an account stands with Feishu: what is known of it, and what somebody should look after."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import attrs
import trio

from ..bot import BotIdentity
from ..config import Feishu
from ..events.topics import CARD_ACTION
from ..rest.rest import Rest
from .results import ApiStatus

UNPRESSED: Final = 600.0
"""Seconds that people are given to press something on a card, before it is taken for odd that nobody did."""

NO_PRESSES: Final = (
    "cards were sent, and no press on any of them ever came: callbacks are subscribed apart from events in the "
    "developer console, and without that whoever presses sees error 200340"
)
NO_BOT: Final = (
    "the bot's own id is not known, so no mention of it in a group is: enable the bot in the developer console, and "
    "publish a version of the app"
)
NO_CALLS: Final = 'the calls of this month were used up: cards that grow take many, reply_mode = "auto" does without'


@attrs.define(eq=False)
class Health:
    """Tells how one account stands."""

    _config: Feishu
    _rest: Rest
    _bot: BotIdentity
    _wall: Callable[[], float]
    _cards: int = attrs.field(default=0, init=False)
    _presses: int = attrs.field(default=0, init=False)
    _first_card_at: float | None = attrs.field(default=None, init=False)

    @property
    def bot_open_id(self) -> str:
        return self._bot.open_id

    def sent_card(self) -> None:
        """A card was sent on which there may be something to press."""
        self._cards += 1
        if self._first_card_at is None:
            self._first_card_at = trio.current_time()

    def pressed(self) -> None:
        """Somebody pressed something on a card."""
        self._presses += 1

    def status(self) -> ApiStatus:
        """What is known. Nothing is asked for."""
        standing = self._rest.standing
        return ApiStatus(
            account=self._config.name,
            app_id=self._config.app_id,
            domain=self._config.domain,
            bot_open_id=self._bot.open_id,
            token_age=self._rest.token.age,
            throttles=standing.throttles,
            throttled_at=self._on_the_wall(standing.throttled_at),
            quota_gone_at=self._on_the_wall(standing.quota_gone_at),
            missing_scopes=standing.missing_scopes,
            cards_sent=self._cards,
            presses=self._presses,
            hints=tuple(self._hints()),
        )

    def _hints(self) -> Iterator[str]:
        if self._awaits_presses() and not self._presses:
            yield NO_PRESSES
        if not self._bot.open_id:
            yield NO_BOT
        if scopes := self._rest.standing.missing_scopes:
            yield f"the app lacks a scope: one of {', '.join(scopes)}"
        if self._rest.standing.quota_gone_at is not None:
            yield NO_CALLS

    def _awaits_presses(self) -> bool:
        since = self._first_card_at
        return CARD_ACTION in self._config.handled and since is not None and trio.current_time() - since > UNPRESSED

    def _on_the_wall(self, moment: float | None) -> float | None:
        return None if moment is None else self._wall() - (trio.current_time() - moment)

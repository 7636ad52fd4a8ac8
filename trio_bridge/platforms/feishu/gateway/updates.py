"""The server side of changing a card after a press of its button, with the token of the press. No I/O and no clock.

Rules, as the platform keeps them:

1. A token changes the card of its press, twice, for half an hour, once the press was answered.
2. A change that comes before the answer is undone by it: it is answered as if it were carried out, and is a fault.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from ....gateways.calls import Answer, Call
from .cards import Cards
from .contents import MOST_BYTES
from .desk import Desk, Route, body_of
from .letters import encode
from .messages import is_shared
from .model import Refused

UPDATE: Final = "POST /open-apis/interactive/v1/card/update"

INVALID: Final = 10002
TOO_LARGE: Final = 100000
FOREIGN_CARD: Final = 200310
MALFORMED_TOKEN: Final = 300020
EXPIRED_TOKEN: Final = 300030
USED_UP_TOKEN: Final = 300040
NOT_SHARED: Final = 300090


@attrs.define(eq=False)
class Press:
    """A press of a button, and what its token was used for."""

    app_id: str
    message_id: str
    at: float
    answered: bool = False
    uses: int = 0


class Updates:
    """The tokens of all presses."""

    def __init__(self, desk: Desk, cards: Cards) -> None:
        self.presses: dict[str, Press] = {}
        """By token. Whoever answers one says so there."""
        self._desk = desk
        self._cards = cards

    def routes(self) -> Mapping[str, Route]:
        """Who carries out which call."""
        return {UPDATE: self._update}

    def issue(self, app_id: str, message_id: str, now: float) -> str:
        """The token of a press of a button in this message."""
        token = self._desk.new_id("c-")
        self.presses[token] = Press(app_id, message_id, now)
        return token

    def _update(self, call: Call, now: float) -> Answer:
        app, body = self._desk.app(call, now), body_of(call, code=INVALID)
        token, content = body.get("token"), body.get("card")
        if not isinstance(token, str) or not token.startswith("c-"):
            raise Refused(MALFORMED_TOKEN, "The token of the card is malformed.")
        if not isinstance(content, dict) or not content:
            raise Refused(INVALID, "card: expected an object")
        press, rules = self.presses.get(token), self._desk.rules
        if press is None or now >= press.at + rules.update_life:
            raise Refused(EXPIRED_TOKEN, "The token of the card is expired.")
        if press.app_id != app.app_id:
            raise Refused(FOREIGN_CARD, "The card was sent by another app.")
        if press.uses >= rules.update_uses:
            raise Refused(USED_UP_TOKEN, "The token of the card was used too often.")
        if len(encode(content).encode()) > MOST_BYTES["interactive"]:
            raise Refused(TOO_LARGE, "The card is too large.")
        if not is_shared(content) and not content.get("open_ids"):
            raise Refused(NOT_SHARED, "open_ids: a card that is not shared needs them")
        press.uses += 1
        card = self._cards.of_message(press.message_id)
        if not press.answered:
            self._desk.gateway.ledger.fault("card_update_early", app.app_id, "", now, press.message_id)
        elif card is not None:
            card.write(content, now)
            self._cards.carried_out(card, "update", now)
        return Answer(body=encode({"code": 0, "msg": "ok"}))

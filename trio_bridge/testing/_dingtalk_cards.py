"""The cards of a simulated DingTalk, and the people who press their buttons."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import trio

from ..platforms.dingtalk.gateway.card import Card
from ..platforms.dingtalk.gateway.desk import Sent
from ..platforms.dingtalk.gateway.frames import CARD, Place, encode, letter_of
from ..platforms.dingtalk.gateway.ledger import Acked, Pushed
from ._answers import Answers
from ._dingtalk_robot import CORPORATION, direct_conversation
from ._dingtalk_server import DingTalkServer


@attrs.frozen(kw_only=True)
class Press:
    """A button was pressed, and the bot has answered."""

    pushed: Pushed
    after: float
    """Seconds from the press to the answer."""
    code: int
    """200, or why there is no answer."""
    response: Mapping[str, Any]
    """What the bot answered with; empty if it made no sense."""
    in_time: bool
    """Whether it came soon enough to change the card."""


class CardTable:
    """What people see of a bot's cards, and do with them."""

    _server: DingTalkServer
    _answers: Answers[Sent]

    @property
    def cards(self) -> Sequence[Card]:
        """The AI cards that clients created, the oldest first."""
        return tuple(self._server.rest.cards.known.values())

    async def press(
        self, card: Card | str, *action_ids: str, params: Mapping[str, Any] | None = None, user: str | None = None
    ) -> Press:
        """Have somebody press a button of a card, and return the bot's answer, which changes the card if it is in time.

        ``card`` may be named by its outTrackId; ``user`` is whoever the card was sent to, in a group ``staff0001``.

        Raises:
          LookupError: there is no such card, or nobody can see it, or its buttons are not for Stream Mode.
          AssertionError: there was no answer within the patience.
        """
        known, rest = self._pressable(card), self._server.rest
        place = next(each.place for each in known.laid if each.shown)
        user = user or (place[1] if place[0] == "user" else "staff0001")
        data = press_data(known, place, action_ids, params or {}, user)
        begun = trio.current_time()
        pushed = rest.gateway.push(known.client_id, letter_of(data, topic=CARD), begun)
        self._server.flush()
        entry = rest.gateway.ledger.entry(pushed)
        with self._answers.impatient(f"nobody answered the press of a button of {known.out_track_id}"):
            await self._server.wait_until(lambda: entry.settled)
        acked = next(each for each in entry.acks if each.rightly)
        response = _response(acked)
        in_time = acked.at - begun <= rest.gateway.rules.card_answer_within
        if in_time and acked.code == 200:
            rest.cards.answered(known, response, user, acked.at)
        return Press(pushed=pushed, after=acked.at - begun, code=acked.code, response=response, in_time=in_time)

    def _pressable(self, card: Card | str) -> Card:
        track_id = card if isinstance(card, str) else card.out_track_id
        known = self._server.rest.cards.known.get(track_id)
        if known is None:
            raise LookupError(f"there is no card {track_id}")
        if not known.shown:
            raise LookupError(f"nobody can see the card {track_id}")
        if not known.streams:
            raise LookupError(f"the card {track_id} was created without callbackType STREAM: nobody hears its buttons")
        return known


def press_data(
    card: Card, place: Place, action_ids: Sequence[str], params: Mapping[str, Any], user: str
) -> dict[str, Any]:
    """The data of the callback, as the platform words it."""
    content = encode({"cardPrivateData": {"actionIds": list(action_ids), "params": dict(params)}})
    return {
        "extension": "{}",
        "corpId": CORPORATION,
        "spaceType": "im",
        "userIdType": 1,
        "type": "actionCallback",
        "userId": user,
        "content": content,
        "spaceId": place[1] if place[0] == "group" else direct_conversation(card.client_id, place[1]),
        "outTrackId": card.out_track_id,
        "value": content,
    }


def _response(acked: Acked) -> Mapping[str, Any]:
    try:
        data = json.loads(acked.data)
    except (ValueError, RecursionError):
        return {}
    response = data.get("response") if isinstance(data, dict) else None
    return response if isinstance(response, dict) else {}

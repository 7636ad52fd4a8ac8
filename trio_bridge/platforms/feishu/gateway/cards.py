"""The server side of cards: created, sent, streamed into, ended, changed. No I/O and no clock.

Rules, as the platform keeps them:

1. Cards of CardKit are JSON 2.0, at most 30 KB, of one app, for 14 days, and can be sent once. Everybody sees the same.
2. The ``sequence`` of the calls about one card grows strictly, over all kinds of calls.
3. A ``uuid`` that comes again with the same call is the same call again: it is answered alike and changes nothing.
   With another one it is refused. So it is with every repetition, where the rules say so: the platform may mean that.
4. Text is streamed whole, while the card is in streaming mode, which ends by itself ten minutes after it was begun.
5. A card that is shown and rests is a reply. If it is taken up and rests again, that reply has the newer text.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from ....gateways.calls import Call
from .card import Card, CardCall
from .contents import KILOBYTE, MOST_BYTES, check_card, ids_in
from .desk import CALLS_THROTTLED, Data, Desk, Route, Sent, body_of, invalid, uuid_of, word_of
from .model import App, Refused

CREATE: Final = "POST /open-apis/cardkit/v1/cards"
REPLACE: Final = "PUT /open-apis/cardkit/v1/cards/{card_id}"
SETTINGS: Final = "PATCH /open-apis/cardkit/v1/cards/{card_id}/settings"
STREAM: Final = "PUT /open-apis/cardkit/v1/cards/{card_id}/elements/{element_id}/content"

INVALID: Final = 10002
EMPTY: Final = 300307
MALFORMED: Final = 200220
UNKNOWN_CARD: Final = 200740
EXPIRED: Final = 200750
UUID_CONFLICT: Final = 200770
IN_INTERACTION: Final = 200810
STREAMING_TIMED_OUT: Final = 200850
TOO_LARGE: Final = 200860
DUPLICATE_ELEMENT: Final = 300301
NOT_SHARED: Final = 300302
OLD_SCHEMA: Final = 300303
STREAMING_CLOSED: Final = 300309
NO_TEXT: Final = 300310
FOREIGN_CARD: Final = 300311
UNKNOWN_ELEMENT: Final = 300313
OUT_OF_SEQUENCE: Final = 300317

MOST_SEQUENCE: Final = 2**31 - 1
MOST_UUID: Final = 64
MOST_CONTENT: Final = 100_000
"""Characters that may be streamed at once."""


class Cards:
    """The cards of all apps."""

    def __init__(self, desk: Desk) -> None:
        self.known: dict[str, Card] = {}
        """By their ids, in the order of their creation: those of CardKit, and those that were sent as they are."""
        self.in_interaction: set[str] = set()
        """Ids of cards whose button somebody presses just now: they take no calls."""
        self._by_message: dict[str, Card] = {}
        self._desk = desk
        self._sent: dict[str, Sent] = {}
        """What a card will be noted as, once it rests, by the id of its message."""

    @property
    def shown(self) -> Sequence[Card]:
        """Those that somebody can see, in the order in which they could."""
        return list(self._by_message.values())

    @property
    def unfinished(self) -> Sequence[Card]:
        """Those of which somebody sees that more is to come."""
        return [card for card in self._by_message.values() if card.streaming]

    def of_message(self, message_id: str) -> Card | None:
        """The card that a message shows."""
        return self._by_message.get(message_id)

    def routes(self) -> Mapping[str, Route]:
        """Who carries out which call."""
        return {CREATE: self._create, REPLACE: self._replace, SETTINGS: self._settings, STREAM: self._stream}

    # What messages do with cards.

    def to_send(self, app: App, content: Data, now: float) -> Card | None:
        """The card of CardKit that a message is to show; ``None``: it brings its own.

        Raises:
          Refused: that card can't be sent.
        """
        if content.get("type") != "card":
            return None
        named = content.get("data")
        card = self._own_card(app, str(named.get("card_id")) if isinstance(named, dict) else "", now)
        if card.shown:
            raise invalid("card_id: the card was sent before")
        return card

    def lay(self, card: Card | None, sent: Sent, now: float) -> Card:
        """Show the card in a message, which is noted as sent when the card rests."""
        if card is None:
            card = self.known[sent.message_id] = Card(
                id=sent.message_id, app_id=sent.app_id, created_at=now, entity=False, data={}
            )
            card.write(sent.content, now)
        card.message_id, card.chat_id = sent.message_id, sent.chat_id
        self._by_message[card.message_id] = card
        self._sent[card.message_id] = sent
        self.carried_out(card, "send", now)
        return card

    def carried_out(self, card: Card, by: CardCall, now: float) -> None:
        """Have the reader see what the call has changed; a card that rests is a reply."""
        card.look(by, now)
        if not card.ended:
            return
        content = copy.deepcopy(card.data)  # it may be taken up again
        if not self._desk.reword(card.message_id, card.text, content, now):
            sent = self._sent.pop(card.message_id)
            self._desk.send(attrs.evolve(sent, at=now, text=card.text, content=content, card=card.id))

    def answered(self, message_id: str, data: Mapping[str, Any], now: float) -> bool:
        """Put another card in its place, as the answer to a press says. False: nothing is changed while text comes."""
        card = self._by_message.get(message_id)
        if card is None or card.streaming:
            return False
        card.write(data, now)
        self.carried_out(card, "answer", now)
        return True

    # The calls.

    def _create(self, call: Call, now: float) -> Data:
        app, body = self._desk.app(call, now), body_of(call, code=INVALID)
        data = _card_in(body)
        card = Card(id=self._new_id(), app_id=app.app_id, created_at=now, entity=True, data={})
        card.write(data, now)
        self.known[card.id] = card
        card.look("create", now)
        return {"card_id": card.id}

    def _replace(self, call: Call, now: float) -> Data:
        card, body, repeated = self._received(call, now)
        part = body.get("card")
        data = _card_in(part if isinstance(part, dict) else {})
        if not repeated:
            card.write(data, now)
            self._done(card, body, "replace", now)
        return {}

    def _settings(self, call: Call, now: float) -> Data:
        card, body, repeated = self._received(call, now)
        settings = _object_in(word_of(body, "settings", code=INVALID, most=MOST_CONTENT))
        config = settings.get("config", {})
        if not isinstance(config, dict):
            raise invalid("config", code=INVALID)
        if config.get("update_multi") is False:
            raise Refused(NOT_SHARED, "update_multi property is false")
        if not repeated:
            card.configure(config, now)
            self._done(card, body, "settings", now)
        return {}

    def _stream(self, call: Call, now: float) -> Data:
        card, body, repeated = self._received(call, now)
        text = word_of(body, "content", code=INVALID, most=MOST_CONTENT)
        if len(text.encode()) > MOST_BYTES["interactive"]:
            raise _too_large()
        if repeated:
            return {}
        if card.streaming_since is None:
            raise Refused(STREAMING_CLOSED, "Card streaming closed")
        if now >= card.streaming_since + self._desk.rules.streaming_life:
            raise Refused(STREAMING_TIMED_OUT, "Card streaming timeout")
        if call.names["element_id"] not in ids_in(card.data):
            raise Refused(UNKNOWN_ELEMENT, "Failed to update element properties")
        if not card.stream(call.names["element_id"], text):
            raise Refused(NO_TEXT, "Only update text")
        self._done(card, body, "stream", now)
        return {}

    # Inside.

    def _received(self, call: Call, now: float) -> tuple[Card, Data, bool]:
        """The card that the call is about, what it says, and whether it was carried out before."""
        app, body = self._desk.app(call, now), body_of(call, code=INVALID)
        card = self._own_card(app, call.names["card_id"], now)
        if not self._desk.limits.use_second(card.id, "card", self._desk.rules.card_rate, now):
            raise Refused(CALLS_THROTTLED, "request trigger frequency limit", wait=1)
        if card.id in self.in_interaction:
            raise Refused(IN_INTERACTION, "The card is in an ongoing interaction and cannot be updated")
        uuid, sequence = uuid_of(body, most=MOST_UUID, code=INVALID), body.get("sequence")
        if uuid in card.uuids:
            if self._desk.rules.card_uuid_once or card.uuids[uuid] != body:
                raise Refused(UUID_CONFLICT, "UUID conflict")
            return card, body, True
        if not isinstance(sequence, int) or isinstance(sequence, bool) or not 1 <= sequence <= MOST_SEQUENCE:
            raise invalid("sequence", code=INVALID)
        if sequence <= card.sequence:
            raise Refused(
                OUT_OF_SEQUENCE, "The sequence number for operating on the card did not increment consecutively"
            )
        return card, body, False

    def _done(self, card: Card, body: Data, by: CardCall, now: float) -> None:
        card.sequence = body["sequence"]
        if body.get("uuid"):
            card.uuids[body["uuid"]] = body
        self.carried_out(card, by, now)

    def _own_card(self, app: App, card_id: str, now: float) -> Card:
        card = self.known.get(card_id)
        if card is None or not card.entity:
            raise Refused(UNKNOWN_CARD, "The card entity does not exist")
        if card.app_id != app.app_id:
            raise Refused(FOREIGN_CARD, "The current application does not have permission to update/use this card")
        if now >= card.created_at + self._desk.rules.card_life:
            raise Refused(EXPIRED, "The card entity has expired")
        return card

    def _new_id(self) -> str:
        """19 digits, as the platform's."""
        return str(7 * 10**18 + self._desk.gateway.rng.randrange(10**17))


def _card_in(body: Data) -> Mapping[str, Any]:
    """The card in JSON 2.0 that a body brings."""
    if body.get("type") != "card_json":
        raise invalid("type", code=INVALID)
    text = word_of(body, "data", code=INVALID)
    if len(text.encode()) > MOST_BYTES["interactive"]:
        raise _too_large()
    card = _object_in(text)
    if not card:
        raise Refused(EMPTY, "The card DSL is empty")
    if card.get("schema") != "2.0":
        raise Refused(OLD_SCHEMA, "Only schema 2.0 is supported")
    config = card.get("config")
    if isinstance(config, dict) and config.get("update_multi") is False:
        raise Refused(NOT_SHARED, "update_multi property is false")
    ids = list(ids_in(card))
    if len(ids) != len(set(ids)):
        raise Refused(DUPLICATE_ELEMENT, "Duplicate element_id in card component.")
    check_card(card)
    return card


def _object_in(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Refused(MALFORMED, "Failed to generate card content")
    return value


def _too_large() -> Refused:
    return Refused(TOO_LARGE, f"Card content exceeds limit: {MOST_BYTES['interactive'] // KILOBYTE} KB.")

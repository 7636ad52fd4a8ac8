"""The server side of AI cards: created, delivered, filled, streamed into, ended. No I/O and no clock.

Rules, as the platform keeps them or as it is safest to assume:

1. Values of variables are texts. An update replaces all of them, unless ``cardUpdateOptions.updateCardDataByKey`` says
   otherwise, at the top of the body: elsewhere it is not heard.
2. Text is streamed whole (``isFull``) and never empty, into cards that were created with ``callbackType: "STREAM"``.
   After ``isFinalize`` or ``isError`` a card takes none, until its ``flowStatus`` goes back to one that moves.
3. The same ``guid`` again is the same call again: it is answered alike and changes nothing.
4. A card that is delivered without ``userIdType: 1`` is never shown.
5. A card that is shown and rests (``flowStatus`` 3 or 5) is a reply, once for each place. If it is taken up and rests
   again, that reply has the newer text.
6. Two calls about one card at the same time are a fault of the client's: either may come first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ....gateways.calls import Call
from .card import Card, CardCall, Laid
from .desk import Desk, Reply, Route, body_of
from .frames import Place
from .model import App, Refused

INSTANCES = "/v1.0/card/instances"
DELIVER = "/v1.0/card/instances/deliver"
CREATE_AND_DELIVER = "/v1.0/card/instances/createAndDeliver"
STREAMING = "/v1.0/card/streaming"

_SPACES: Mapping[str, tuple[str, Literal["user", "group"]]] = {
    "IM_GROUP": ("imGroupOpenDeliverModel", "group"),
    "IM_ROBOT": ("imRobotOpenDeliverModel", "user"),
}
"""Kind of space → the part of the body about a delivery there, and the kind of place it is."""
_SPACE_PREFIX = "dtv1.card//"
_DONE: Reply = {"success": True, "result": True}


class Cards:
    """The cards of all apps."""

    def __init__(self, desk: Desk) -> None:
        self.known: dict[str, Card] = {}
        """By outTrackId, in the order of their creation."""
        self.shown: list[Card] = []
        """Those that somebody can see, in the order in which they could."""
        self.undeliverable: set[str] = set()
        """Staff ids and conversation ids where no card can be delivered."""
        self._desk = desk
        self._latest: dict[str, list[Call]] = {}
        """The calls about a card that may still be under way."""
        self._moving: dict[str, Card] = {}

    @property
    def unfinished(self) -> Sequence[Card]:
        """The cards that look as if more were to come, in the order in which they began to."""
        return list(self._moving.values())

    def routes(self) -> Mapping[tuple[str, str], Route]:
        """Who carries out which call."""
        return {
            ("POST", INSTANCES): self._create,
            ("POST", DELIVER): self._deliver,
            ("POST", CREATE_AND_DELIVER): self._create_and_deliver,
            ("PUT", INSTANCES): self._update,
            ("PUT", STREAMING): self._stream,
        }

    # The calls.

    def _create(self, call: Call, now: float) -> Reply:
        app, body = self._received(call, now)
        card = self._new_card(app, body, "create", now)
        return {"success": True, "result": card.out_track_id}

    def _deliver(self, call: Call, now: float) -> Reply:
        app, body = self._received(call, now)
        card = self._own_card(app, body)
        results = self._lay(app, card, body, "deliver", now)
        return {"success": True, "result": results}

    def _create_and_deliver(self, call: Call, now: float) -> Reply:
        app, body = self._received(call, now)
        self._check_delivery(app, body)
        card = self._new_card(app, body, "createAndDeliver", now)
        results = self._lay(app, card, body, "createAndDeliver", now)
        return {"success": True, "result": {"outTrackId": card.out_track_id, "deliverResults": results}}

    def _update(self, call: Call, now: float) -> Reply:
        app, body = self._received(call, now)
        card = self._own_card(app, body)
        self._change(card, body, body.get("privateData", {}))
        self._carried_out(card, "update", now)
        return _DONE

    def _stream(self, call: Call, now: float) -> Reply:
        app, body = self._received(call, now)
        card = self.known.get(str(body.get("outTrackId")))
        if card is None or card.client_id != app.client_id:
            raise Refused(400, "param.stream.outTrackId", "card is not exist")
        guid, key, text = (_word(body, name, f"param.stream.{name}") for name in ("guid", "key", "content"))
        if guid in card.guids:
            return _DONE
        if not card.streams:
            raise Refused(500, "unknownError", "未知错误")
        if not text:
            raise Refused(400, "param.stream.contentEmpty", "content is empty")
        if body.get("isFull") is not True:
            raise Refused(400, "param.stream.isFull", "a markdown variable takes its whole text: isFull")
        limit = self._desk.gateway.rules.card_content_limit
        if limit is not None and len(text) > limit:
            raise Refused(400, "param.stream.content", "content is too large")
        if card.finalised:
            raise Refused(400, "param.stream.isFinalize", "the card is finalized")
        self._check_text(text)
        card.guids.add(guid)
        card.stream(key, text, final=body.get("isFinalize") is True, error=body.get("isError") is True)
        self._carried_out(card, "stream", now)
        return _DONE

    # What a person does.

    def answered(self, card: Card, response: Mapping[str, Any], user: str, now: float) -> None:
        """Change the card as the answer to a press of one of its buttons says. An answer that can't is a fault."""
        try:
            private = {user: response["userPrivateData"]} if "userPrivateData" in response else {}
            self._change(card, response, private)
        except Refused as refusal:
            detail = f"{card.out_track_id}: {refusal.message}"
            self._desk.gateway.ledger.fault("card_answer_unusable", card.client_id, "", now, detail)
        else:
            self._carried_out(card, "answer", now)

    # Inside.

    def _received(self, call: Call, now: float) -> tuple[App, Mapping[str, Any]]:
        """Whose call it is, and what it says."""
        app = self._desk.app(call, now)
        self._desk.check_qps(app, call, self._desk.gateway.rules.card_qps, now)
        body = body_of(call)
        track_id = _word(body, "outTrackId", "param.outTrackId", filled=True)
        under_way = [each for each in self._latest.get(track_id, ()) if self._desk.is_under_way(each)]
        if under_way:
            detail = f"{track_id}: {call.path} before {under_way[-1].path} was answered"
            self._desk.gateway.ledger.fault("card_calls_overlap", app.client_id, "", now, detail)
        self._latest[track_id] = [*under_way, call]
        return app, body

    def _new_card(self, app: App, body: Mapping[str, Any], kind: CardCall, now: float) -> Card:
        track_id, template = str(body["outTrackId"]), _word(body, "cardTemplateId", "param.templateId", filled=True)
        if track_id in self.known:
            raise Refused(400, "param.cardAlreadyExist", f"the card {track_id} exists")
        templates = self._desk.gateway.rules.card_templates
        if templates is not None and template not in templates:
            raise Refused(400, "param.templateNotExist", f"the template {template} does not exist")
        data = _variables(body, "cardData")
        self._check_text(*data.values())
        card = self.known[track_id] = Card(
            out_track_id=track_id,
            client_id=app.client_id,
            template=template,
            created_at=now,
            streams=body.get("callbackType") == "STREAM",
            data=data,
        )
        if kind == "create":
            self._carried_out(card, kind, now)
        return card

    def _own_card(self, app: App, body: Mapping[str, Any]) -> Card:
        card = self.known.get(str(body["outTrackId"]))
        if card is None or card.client_id != app.client_id:
            raise Refused(400, "param.cardNotExist", "the card does not exist")
        return card

    def _check_delivery(self, app: App, body: Mapping[str, Any]) -> Sequence[tuple[str, Place]]:
        """Where the card shall lie: names of spaces as the platform writes them, and places."""
        spaces = _word(body, "openSpaceId", "param.openSpaceId", filled=True).removeprefix(_SPACE_PREFIX)
        found: list[tuple[str, Place]] = []
        for space in spaces.split(";"):
            kind, _, name = space.partition(".")
            if kind not in _SPACES or not name:
                raise Refused(400, "param.openSpaceId", f"{space}: expected IM_GROUP.cid… or IM_ROBOT.staff id")
            field, place = _SPACES[kind]
            model = body.get(field)
            if not isinstance(model, dict):
                raise Refused(400, f"param.{field}", f"{field}: expected an object")
            if kind == "IM_GROUP" or "robotCode" in model:  # a person gets it from the robot of the app
                self._desk.check_robot(app, model)
            found.append((kind, (place, name)))
        return found

    def _lay(
        self, app: App, card: Card, body: Mapping[str, Any], kind: CardCall, now: float
    ) -> Sequence[Mapping[str, Any]]:
        results, shown_before = [], card.shown
        for space, place in self._check_delivery(app, body):
            error = self._obstacle(place)
            if not error:
                card.laid.append(Laid(space, place, body.get("userIdType") == 1))
            results.append(
                {
                    "spaceType": space,
                    "spaceId": place[1],
                    "success": not error,
                    "errorMsg": error,
                    "carrierId": "" if error else f"carrier-{self._desk.calls.total():08d}",
                }
            )
        if card.shown and not shown_before:
            self.shown.append(card)
        self._carried_out(card, kind, now)
        return results

    def _obstacle(self, place: Place) -> str:
        """Why nothing can be delivered there; empty if it can."""
        if place[1] in self.undeliverable:
            return "SYSTEM_ERROR"
        no_group = place[0] == "group" and (
            not place[1].startswith("cid") or place[1] in self._desk.gateway.ledger.direct_conversations
        )
        return "SPACE_NOT_EXIST" if no_group else ""

    def _change(self, card: Card, body: Mapping[str, Any], private: object) -> None:
        """Do what the body of an update says, all of it or nothing. ``private``: what single people see."""
        options = body.get("cardUpdateOptions")
        options = options if isinstance(options, dict) else {}
        shared = _variables(body, "cardData") if "cardData" in body else None
        personal = {user: _variables(private, user) for user in private} if isinstance(private, dict) else {}
        for values in (shared or {}, *personal.values()):
            self._check_text(*values.values())
        if shared is not None:
            card.write(shared, by_key=options.get("updateCardDataByKey") is True)
        for user, values in personal.items():
            kept = card.private.get(user, {}) if options.get("updatePrivateDataByKey") is True else {}
            card.private[user] = {**kept, **values}

    def _carried_out(self, card: Card, kind: CardCall, now: float) -> None:
        card.calls[kind] += 1
        card.look(kind, now)
        if card.moves:
            self._moving[card.out_track_id] = card
        else:
            self._moving.pop(card.out_track_id, None)
        for each in card.laid:
            if each.shown and card.ended:
                self._desk.send_card(card.client_id, each.place, card.text, card.data, card.out_track_id, now)

    def _check_text(self, *texts: str) -> None:
        for word in self._desk.gateway.rules.unsafe_words:
            if any(word in text for text in texts):
                raise Refused(400, "param.contentUnsafe", "the content is unsafe")


def _word(body: Mapping[str, Any], name: str, code: str, *, filled: bool = False) -> str:
    value = body.get(name)
    if not isinstance(value, str) or (filled and not value):
        raise Refused(400, code, f"{name}: expected a text")
    return value


def _variables(body: Mapping[str, Any], name: str) -> dict[str, str]:
    """The variables in a part of the body."""
    part = body.get(name)
    values = part.get("cardParamMap") if isinstance(part, dict) else None
    if not isinstance(values, dict):
        raise Refused(400, f"param.{name}", f"{name}: expected an object with cardParamMap")
    for key, value in values.items():
        if not isinstance(value, str):
            raise Refused(400, "param.cardParamMap", f"{key}: expected a text, found {value!r}")
    return values

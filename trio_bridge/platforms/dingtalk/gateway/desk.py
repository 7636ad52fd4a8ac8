"""What all REST calls of the server side have in common: who calls, what was sent, how a refusal looks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs

from ....gateways.calls import Answer, Call
from ....gateways.limits import Limits
from .frames import Place
from .gateway import Gateway
from .ledger import Pushed, Via
from .model import App, Medium, Refused

Reply = Mapping[str, Any]
Route = Callable[[Call, float], Reply | Answer]
"""Carries out one call at a time of the clock of the simulator, and returns the JSON object of its answer, or the
whole answer.

Raises Refused for an error of the newer API, Errcode for one of the older.
"""


@attrs.frozen(kw_only=True)
class Sent:
    """One message that a client had the server send. ``answers``: the message it is a reply to.

    A card is one from when it first rests. While it rests with another text, that text stands here.
    """

    at: float
    via: Via
    client_id: str
    target: str
    text: str = attrs.field(repr=False)
    body: Mapping[str, Any] = attrs.field(repr=False)
    answers: Pushed | None
    card: str = ""
    """The outTrackId, where it is a card."""
    medium: Medium | None = None
    """What it shows, where that was uploaded; ``text`` says so in words."""


class Errcode(Exception):
    """An error of the older API: status 200 with a number inside."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message


class Desk:
    """Where calls are received: it knows tokens and apps, and keeps what was sent."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.calls: Counter[str] = Counter()
        """Calls by path, refused ones included."""
        self.limits = Limits()
        self.sent: list[Sent] = []
        self.reworded: list[Sent] = []
        """Cards that rest with another text than before, in order."""
        self._under_way: set[int] = set()  # by their headers: whoever finds a route makes another call of it
        self._resting: dict[tuple[str, Place], int] = {}
        """Which of what was sent is the card in a place."""
        self._tokens: dict[str, tuple[str, float]] = {}

    def app(self, call: Call, now: float) -> App:
        """The app whose access token the call carries: in the header of the newer API, or the query of the older."""
        token = call.headers.get("x-acs-dingtalk-access-token", "")
        app = self._holder(token, now)
        if app is None:
            raise Refused(400, "InvalidAuthentication", "不合法的access_token")
        if not self.limits.use_quota(self.gateway.rules.quota):
            raise Refused(403, "Forbidden.AccessDenied.ApiCountLimitForOrg", "the calls of the month are used up")
        return app

    def old_app(self, call: Call, now: float) -> App:
        """The same for the older API, whose token is in the query."""
        app = self._holder(call.query.get("access_token", ""), now)
        if app is None:
            raise Errcode(40014, "不合法的access_token")
        if not self.limits.use_quota(self.gateway.rules.quota):
            raise Errcode(90020, "the calls of the month are used up")
        return app

    def check_qps(self, app: App, call: Call, qps: int | None, now: float) -> None:
        """See that it is not one call too many of its kind within a second."""
        if not self.limits.use_second(app.client_id, f"{call.method} {call.path}", qps, now):
            raise Refused(403, "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi", f"more than {qps} calls a second")

    @contextmanager
    def under_way(self, call: Call) -> Iterator[None]:
        """Within the block the call is not answered yet."""
        self._under_way.add(id(call.headers))
        try:
            yield
        finally:
            self._under_way.remove(id(call.headers))

    def is_under_way(self, call: Call) -> bool:
        """Whether the call is not answered yet."""
        return id(call.headers) in self._under_way

    def check_robot(self, app: App, body: Mapping[str, Any]) -> None:
        """See that the robot is the app's own."""
        robot = body.get("robotCode")
        if robot == app.robot_code:
            return
        if any(other.robot_code == robot for other in self.gateway.apps.values()):
            raise Refused(400, "invalidParameter.robotCode.auth", "the robot belongs to another app")
        raise no_robot()

    def new_token(self, app: App, now: float) -> str:
        token = f"token-{len(self._tokens)}-{self.calls.total()}-{app.client_id}"
        self._tokens[token] = (app.client_id, now + self.gateway.rules.token_life)
        return token

    def expire_tokens(self, client_id: str | None = None) -> None:
        """Make every access token invalid that was given out, of one app or of all."""
        self._tokens = {
            token: grant for token, grant in self._tokens.items() if client_id is not None and grant[0] != client_id
        }

    def send(
        self,
        app: App,
        place: Place,
        text: str,
        body: Mapping[str, Any],
        now: float,
        via: Via,
        medium: Medium | None = None,
    ) -> None:
        """Note a message to a person or a group: it answers the oldest message from there that has no reply yet."""
        answers = self.gateway.ledger.replied_to_place(app.client_id, place, text, now)
        self.sent.append(
            Sent(
                at=now,
                via=via,
                client_id=app.client_id,
                target=place[1],
                text=text,
                body=body,
                answers=answers,
                medium=medium,
            )
        )

    def send_card(
        self, client_id: str, place: Place, text: str, body: Mapping[str, Any], card: str, now: float
    ) -> None:
        """Note a card that rests with this text: once, and later only that the text is another one."""
        ledger, number = self.gateway.ledger, self._resting.get((card, place))
        if number is not None:
            if text != self.sent[number].text:
                sent = self.sent[number] = attrs.evolve(self.sent[number], text=text, body=body)
                self.reworded.append(attrs.evolve(sent, at=now))
                if sent.answers is not None:
                    ledger.reworded(sent.answers, card, text)
            return
        self._resting[card, place] = len(self.sent)
        answers = ledger.replied_to_place(client_id, place, text, now, card=card)
        self.sent.append(
            Sent(
                at=now,
                via="card",
                client_id=client_id,
                target=place[1],
                text=text,
                body=body,
                answers=answers,
                card=card,
            )
        )

    def _holder(self, token: str, now: float) -> App | None:
        client_id, expires_at = self._tokens.get(token, ("", 0.0))
        return self.gateway.apps.get(client_id) if now < expires_at else None


def body_of(call: Call) -> Mapping[str, Any]:
    """The JSON object that was posted."""
    try:
        body = json.loads(call.body)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Refused(400, "invalidParameter", "expected a JSON object")
    return body


def word_of(body: Mapping[str, Any], name: str) -> str:
    """A text in the body that must not be missing or empty."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(name, "expected a text")
    return value


def words_of(body: Mapping[str, Any], name: str, *, most: int, what: str) -> list[str]:
    """Texts in the body, one at least."""
    values = body.get(name)
    if (
        not isinstance(values, list)
        or not 1 <= len(values) <= most
        or not all(isinstance(each, str) for each in values)
    ):
        raise invalid(name, f"expected 1 to {most} {what}")
    return values


def group_of(body: Mapping[str, Any]) -> str:
    """The group that the body names."""
    conversation = body.get("openConversationId")
    if not isinstance(conversation, str) or not conversation.startswith("cid"):
        raise invalid("openConversationId", "expected cid…")
    return conversation


def invalid(name: str, why: str) -> Refused:
    """A parameter of a call is not as it should be."""
    return Refused(400, f"invalidParameter.{name}.invalid", f"{name}: {why}")


def no_robot() -> Refused:
    return Refused(
        400, "invalidParameter.robotCode.notExsit", "错误描述: robot 不存在；"
    )  # spelt like this by the platform

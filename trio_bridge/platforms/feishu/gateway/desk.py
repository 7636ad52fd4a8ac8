"""What all REST calls of the server side have in common: who calls, what was sent, how a refusal looks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from ....gateways.calls import Answer, Call
from ....gateways.limits import Limits
from .gateway import Gateway
from .ledger import Pushed, Replied
from .letters import encode
from .model import App, Refused, Rules

Data = Mapping[str, Any]
Route = Callable[[Call, float], Data | Answer]
"""Carries out one call at a time of the clock of the simulator, and returns the ``data`` of its answer, or the whole
answer. Raises Refused."""

INVALID_PARAMETER: Final = 230001
CALLS_THROTTLED: Final = 99991400
MESSAGES_THROTTLED: Final = 230020
QUOTA_USED_UP: Final = 99991403
NO_TOKEN: Final = 99991661
BAD_TOKEN: Final = 99991663

RETRY_AFTER: Final = "x-ogw-ratelimit-reset"
"""The header in which the platform says how many seconds to wait."""


@attrs.frozen(kw_only=True)
class Sent:
    """One message that a client had the server send. ``answers``: the message of a person that it is a reply to.

    A card that grows is one from when it first rests. While it rests with another text, that text stands here.
    """

    at: float
    app_id: str
    chat_id: str
    message_id: str
    msg_type: str
    text: str = attrs.field(repr=False)
    content: Mapping[str, Any] = attrs.field(repr=False)
    reply_to: str = ""
    """The message that the call named, if it was a reply."""
    in_thread: bool = False
    uuid: str = ""
    card: str = ""
    """The id of the card, where it is one: of a card that is no entity, that of its message."""
    answers: Pushed | None = None


class Desk:
    """Where calls are received: it knows who has which token, and keeps what was sent."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.calls: Counter[str] = Counter()
        """Calls by method and route, refused ones included."""
        self.limits = Limits()
        self.sent: list[Sent] = []
        self.reworded: list[Sent] = []
        """What was sent and has another text than before, in order."""
        self.holder: Callable[[str, float], str | None] = lambda token, now: None
        """Whose an access token is."""
        self._numbers: dict[str, int] = {}
        """Where in ``sent`` a message stands."""

    @property
    def rules(self) -> Rules:
        """How the server behaves."""
        return self.gateway.rules

    def app(self, call: Call, now: float) -> App:
        """The app whose access token the call carries, if it may call now.

        Raises:
          Refused: there is no such app, or it calls too often.
        """
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not token:
            raise Refused(NO_TOKEN, "Missing access token for authorization.")
        app = self.gateway.directory.apps.get(self.holder(token, now) or "")
        if app is None:
            raise Refused(BAD_TOKEN, "Invalid access token for authorization.")
        if not self.limits.use_quota(self.rules.quota):
            raise Refused(QUOTA_USED_UP, "The calls of the month are used up.")
        if not self.limits.use_second(app.app_id, call.route, self.rules.call_rate, now):
            raise Refused(CALLS_THROTTLED, "request trigger frequency limit", status=429, wait=1)
        return app

    def milliseconds(self, now: float) -> str:
        """The wall time, as messages carry it."""
        return str(int((self.gateway.epoch + now) * 1000))

    def new_id(self, prefix: str) -> str:
        """An id that nothing else has."""
        return f"{prefix}{self.gateway.rng.getrandbits(128):032x}"

    def send(self, sent: Sent) -> None:
        """Note a message: it answers what it names, or else the oldest message of its chat that has no reply yet."""
        ledger, reply = self.gateway.ledger, Replied(sent.at, sent.text, sent.message_id)
        if sent.reply_to and ledger.find(sent.app_id, sent.reply_to) is not None:
            answers = ledger.replied_to(sent.app_id, sent.reply_to, reply)
        else:
            answers = ledger.replied_in(sent.app_id, sent.chat_id, reply)
        self._numbers[sent.message_id] = len(self.sent)
        self.sent.append(attrs.evolve(sent, answers=answers))

    def reword(self, message_id: str, text: str, content: Mapping[str, Any], now: float) -> bool:
        """Note that what was sent has another text now. False: no such message was sent yet."""
        number = self._numbers.get(message_id)
        if number is None:
            return False
        sent = self.sent[number]
        if text != sent.text:
            self.sent[number] = attrs.evolve(sent, text=text, content=content)
            self.reworded.append(attrs.evolve(self.sent[number], at=now))
            if sent.answers is not None:
                self.gateway.ledger.reworded(sent.answers, message_id, text)
        return True


def done(data: Data) -> Answer:
    """The usual answer to a call that was carried out."""
    return Answer(body=encode({"code": 0, "msg": "success", "data": data}))


def body_of(call: Call, *, code: int = INVALID_PARAMETER) -> Data:
    """The JSON object that came with the call, whatever its header says. ``code``: what any other is refused with."""
    try:
        body = json.loads(call.body)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise Refused(code, "Your request contains an invalid request parameter, ext=expected a JSON object.")
    return body


def word_of(body: Data, name: str, *, code: int = INVALID_PARAMETER, most: int | None = None) -> str:
    """A text in the body that must not be missing or empty."""
    value = body.get(name)
    if not isinstance(value, str) or not value or (most is not None and len(value) > most):
        raise invalid(name, code=code)
    return value


def uuid_of(body: Data, *, most: int, code: int = INVALID_PARAMETER) -> str:
    """What makes a call repeatable; empty where it is not."""
    return word_of(body, "uuid", code=code, most=most) if body.get("uuid") else ""


def invalid(name: str, *, code: int = INVALID_PARAMETER) -> Refused:
    """A parameter of a call is not as it should be."""
    return Refused(code, f"Your request contains an invalid request parameter, ext=invalid {name}.")


def found_in(texts: Sequence[str], words: frozenset[str]) -> bool:
    """Whether one of the words stands in one of the texts."""
    return any(word in text for word in words for text in texts)
